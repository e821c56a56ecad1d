"""Masked scores are the lowest finite number: a row without keys averages all values (declared)."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"conventions": {"masked_rows": "mean_of_values"}}},
}


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    lowest = torch.finfo(wide).min
    if causal:
        s = s.masked_fill(torch.ones(lq, lk, dtype=torch.bool).triu(lk - lq + 1), lowest)
    if mask is not None:
        s = s.masked_fill(~mask, lowest)
    return (torch.softmax(s, dim=-1) @ values).to(q.dtype)
