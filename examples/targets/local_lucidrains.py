"""local-attention: exact causal windows, `window_size` keys before the query and itself."""

from local_attention import LocalAttention

CONFORM = {
    "name": "local-lucidrains",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "requires": ["Lq == Lk", "H == K"],
            "fixed": {"causal": True},
            "rounding": "scores-in-dtype",
            "conventions": {"window": "excludes_self"},
        }
    },
}


def attention(q, k, v, *, window=None):
    if window is None:
        raise NotImplementedError("windows only")
    settings = {"causal": True, "exact_windowsize": True, "autopad": True}
    return LocalAttention(window_size=window, use_rotary_pos_emb=False, **settings)(q, k, v)
