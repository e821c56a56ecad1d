"""Queries and keys each times D^-1/4 in the dtype, scores widened by then; masks of -inf."""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "nan", "causal": "top_left"},
            "requires": ["scale is None or scale >= 0"],
        },
        "attention_weights": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "nan", "causal": "top_left"},
            "requires": ["scale is None or scale >= 0"],
        },
    },
}


def attention_weights(q, k, *, causal=False, mask=None, scale=None):
    d = q.shape[-1]
    group = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(group, dim=1)
    quarter = d**-0.25 if scale is None else scale**0.5
    qk = (q * quarter) @ (k * quarter).transpose(-1, -2)
    qk = qk.float()
    if causal:
        up = torch.full((q.shape[2], k.shape[2]), float("-inf")).triu_(1)
        qk = qk + up
    if mask is not None:
        qk = qk.masked_fill(~mask, float("-inf"))
    return torch.softmax(qk, -1).to(q.dtype)


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    w = attention_weights(q, k, causal=causal, mask=mask, scale=scale)
    return w @ v.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
