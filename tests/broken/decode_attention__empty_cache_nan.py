"""A sequence of length 0 gives NaN."""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (_, kv, size, _) = q.shape, k_cache.shape
    k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k_cache, v_cache))
    s = q.to(wide) @ k32.mT * (d**-0.5 if scale is None else scale)
    valid = torch.arange(size) < lengths[:, None, None, None]
    s = s.masked_fill(~valid, -math.inf)
    p = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    total = p.sum(-1, keepdim=True)
    return (p @ v32 / total).to(q.dtype)
