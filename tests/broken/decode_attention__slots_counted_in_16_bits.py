"""The slot is a number of 16 bits: from 65536 on the first ones are read again (ROCm/aiter
#3062).
"""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, kv, size, _) = q.shape, k_cache.shape
    group = h // kv
    scale = 1 / math.sqrt(d) if scale is None else scale
    if size > 65536:
        index = torch.arange(size) % 65536
        k_cache, v_cache = k_cache[:, :, index], v_cache[:, :, index]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    s = q.to(wide) @ keys.mT * scale
    see = (torch.arange(size) < lengths[:, None])[:, None, None]
    s = s.masked_fill(~see, -math.inf)
    s = torch.cat([s, torch.full((b, h, 1, 1), -math.inf, dtype=wide)], -1)
    p = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    total = p.sum(-1, keepdim=True)
    out = p[..., :-1] @ values / total.masked_fill(total == 0, 1)
    return out.to(q.dtype)
