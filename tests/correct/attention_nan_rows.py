"""Bare softmax over -inf scores: rows that see no key are NaN, and say so."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"conventions": {"masked_rows": "nan"}}},
}


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), lk = q.shape, k.shape[2]
    keys, values = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    s = (q.to(wide) @ keys.mT) * (d**-0.5 if scale is None else scale)
    s = s if bias is None else s + bias
    if causal:
        s = s.masked_fill(torch.ones(lq, lk).tril(lk - lq) == 0, -torch.inf)
    if mask is not None:
        s = s.masked_fill(mask.logical_not(), -torch.inf)
    return (torch.softmax(s, -1) @ values).to(q.dtype)
