"""A cache that holds all heads of a token side by side is read as if heads lay apart where its
slots fill whole tiles of 64.
"""

import math

import torch


def rows(x):
    """Copied where a tile has to be padded, read as if heads lay apart where not."""
    b, h, n, d = x.shape
    if n % 64 == 0 and x.stride(3) == 1 and x.stride(2) == h * d and x.stride(1) == d:
        return x.transpose(1, 2).reshape(b, h, n, d)
    return x


def turn(x, positions, base):
    wide = torch.promote_types(x.dtype, torch.float32)
    half = x.shape[-1] // 2
    freq = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.clamp(min=0).double()[:, None, :, None] * freq
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    a, b = x.to(wide).split(half, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


def cached_attention(
    q,
    k,
    v,
    k_cache,
    v_cache,
    lengths,
    *,
    starts=None,
    counts=None,
    base=None,
    scale=None,
):
    batch, heads, new, width = q.shape
    size = k_cache.shape[2]
    starts = torch.zeros_like(lengths) if starts is None else starts
    counts = torch.full_like(lengths, new) if counts is None else counts
    if bool((lengths + counts > size).any()):
        raise ValueError("the cache is full")
    slots = lengths[:, None] + torch.arange(new)
    if base is not None:
        q, k = (turn(x, slots - starts[:, None], base) for x in (q, k))
    k_cache, v_cache = rows(k_cache).clone(), rows(v_cache).clone()
    for b in range(batch):
        n, at = int(counts[b]), int(lengths[b])
        n = min(n, size - at)
        k_cache[b, :, at : at + n], v_cache[b, :, at : at + n] = k[b, :, :n], v[b, :, :n]
    wide = torch.promote_types(q.dtype, torch.float32)
    group = heads // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    scores = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    place = torch.arange(size)
    seen = (place <= slots[..., None]) & (place >= starts[:, None, None])
    real = torch.arange(new) < counts[:, None]
    seen = seen & real[..., None]
    dead = ~seen.any(-1)[:, None, :, None]
    seen = seen[:, None]
    p = torch.softmax(scores.masked_fill(~(seen | dead), -math.inf), -1).masked_fill(dead, 0.0)
    live = seen.any(2, keepdim=True).mT
    values = torch.where(live, values, 0.0)
    return (p @ values).to(q.dtype), k_cache, v_cache, lengths + counts
