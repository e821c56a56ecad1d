"""x-transformers: Attend(flash=True), which calls torch's scaled_dot_product_attention."""

from x_transformers.attend import Attend

CONFORM = {
    "name": "x-transformers-flash",
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",  # a scale is multiplied into q, and rounded there
            "conventions": {"heads": "tiled", "masked_rows": "any"},
            # more queries than keys: top-left, unlike every other case (FINDINGS.md)
            "requires": ["not causal or Lq <= Lk"],
        },
    },
}


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    attend = Attend(flash=True, causal=causal, heads=q.shape[1], scale=scale)
    if mask is not None:
        mask = mask.expand(*q.shape[:3], k.shape[2])
    return attend(q, k, v, mask=mask, attn_bias=bias)[0]
