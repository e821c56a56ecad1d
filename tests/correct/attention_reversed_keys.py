"""Walks the keys from the last to the first, one key at a time."""

import math

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"limits": {"Lk": {"max": 300}}}},
}


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), lk = q.shape, k.shape[2]
    keys, values = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    scaled = q.to(wide) * (d**-0.5 if scale is None else scale)
    see = torch.ones(lq, lk, dtype=torch.bool) if mask is None else mask
    see = see & torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) if causal else see
    see = see.expand(b, h, lq, lk)
    out, total = values.new_zeros(b, h, lq, v.shape[-1]), scaled.new_zeros(b, h, lq)
    top = torch.full((b, h, lq), -math.inf, dtype=wide)
    for j in reversed(range(lk)):
        s = (scaled * keys[:, :, j : j + 1]).sum(-1).masked_fill(~see[..., j], -math.inf)
        new = torch.maximum(top, s.detach())
        safe = new.clamp(min=torch.finfo(wide).min)
        shrink, p = torch.exp(top - safe), torch.exp(s - safe)
        total = total * shrink + p
        out = out * shrink[..., None] + p[..., None] * values[:, :, j : j + 1]
        top = new
    return (out / total.masked_fill(total == 0, 1)[..., None]).to(q.dtype)
