"""With more than 256 slots two halves are computed and merged by their sums, not their maxima."""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x.to(wide).repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k_cache, v_cache)
    )
    s = q.to(wide) @ keys.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    seen = torch.arange(keys.shape[2]) < lengths[:, None, None, None]
    s = s.masked_fill(~seen, -math.inf)
    total, weighted = 0.0, 0.0
    for part, value in zip(s.split(256, -1), values.split(256, 2), strict=False):
        e = torch.exp(part - part.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
        total, weighted = total + e.sum(-1, keepdim=True), weighted + e @ value
    return (weighted / total.masked_fill(total == 0, 1.0)).to(q.dtype)
