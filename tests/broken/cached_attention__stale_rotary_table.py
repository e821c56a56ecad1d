"""Tables of cos and sin are kept between calls by width alone; another base reads the old ones."""

import math

import torch

TABLES = {}


def tables(width, length, base, dtype):
    if width not in TABLES or TABLES[width][0].shape[0] < length:
        inv = base ** (-torch.arange(width // 2, dtype=torch.float64) * 2 / width)
        angle = torch.arange(max(length, 64), dtype=torch.float64)[:, None] * inv
        TABLES[width] = angle.cos(), angle.sin()
    return tuple(t.to(dtype) for t in TABLES[width])


def turn(x, positions, base):
    wide = torch.promote_types(x.dtype, torch.float32)
    positions = positions.clamp(min=0)
    cos, sin = (
        t[positions][:, None] for t in tables(x.shape[-1], int(positions.max()) + 1, base, wide)
    )
    a, b = x.to(wide).chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


def cached_attention(q, k, v, k_cache, v_cache, lengths, *, base=None, scale=None):
    _batch, heads, new, width = q.shape
    size = k_cache.shape[2]
    if bool((lengths + new > size).any()):
        raise ValueError("the cache is full")
    slots = lengths[:, None] + torch.arange(new)
    if base is not None:
        q, k = turn(q, slots, base), turn(k, slots, base)
    where = slots[:, None, :, None].expand(k.shape)
    k_cache, v_cache = k_cache.scatter(2, where, k), v_cache.scatter(2, where, v)
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x.to(wide).repeat_interleave(heads // k.shape[1], 1) for x in (k_cache, v_cache)
    )
    scores = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    seen = torch.arange(size) <= slots[..., None]
    p = torch.softmax(scores.masked_fill(~seen[:, None], -math.inf), -1)
    return (p @ values).to(q.dtype), k_cache, v_cache, lengths + new
