"""Generation with a shared position counter: every sequence is rotated by the longest one's
place.
"""

import math

import torch


def turn(x, positions, base):
    half = x.shape[-1] // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    inv = base ** (-torch.arange(half, dtype=wide) / half)
    angle = positions.to(wide)[:, None, :, None] * inv
    a, b = x.to(wide).chunk(2, -1)
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1).to(
        x.dtype
    )


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    batch, heads, new, width = q.shape
    size = k_cache.shape[2]
    counts = torch.full_like(lengths, new) if counts is None else counts
    starts = torch.zeros_like(lengths) if starts is None else starts
    if bool((lengths + counts > size).any()):
        raise ValueError("the cache is full")
    slots = lengths[:, None] + torch.arange(new)
    if base is not None:
        cache_position = int(lengths.max()) + torch.arange(new)
        at = cache_position.expand(batch, new) - starts[:, None]
        q, k = turn(q, at, base), turn(k, at, base)
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b in range(batch):
        n, c = int(lengths[b]), int(counts[b])
        k_cache[b, :, n : n + c], v_cache[b, :, n : n + c] = k[b, :, :c], v[b, :, :c]
    wide = torch.promote_types(q.dtype, torch.float32)
    group = heads // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    scores = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    place = torch.arange(size)
    seen = (place <= slots[..., None]) & (place >= starts[:, None, None])
    seen = seen & (torch.arange(new) < counts[:, None])[..., None]
    scores = scores.masked_fill(~seen[:, None], -math.inf)
    p = torch.softmax(scores, -1).masked_fill(~seen.any(-1)[:, None, :, None], 0.0)
    return (p @ values).to(q.dtype), k_cache, v_cache, lengths + counts
