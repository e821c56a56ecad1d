"""The path for a single new token skips the mask; left padding is then read like any token."""

import math

import torch


def cached_attention(q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, scale=None):
    batch, heads, new, width = q.shape
    size = k_cache.shape[2]
    counts = torch.full_like(lengths, new) if counts is None else counts
    if bool((lengths + counts > size).any()):
        raise ValueError("the cache is full")
    slots = lengths[:, None] + torch.arange(new)
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b in range(batch):
        n, c = int(lengths[b]), int(counts[b])
        k_cache[b, :, n : n + c], v_cache[b, :, n : n + c] = k[b, :, :c], v[b, :, :c]
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x.to(wide).repeat_interleave(heads // k.shape[1], 1) for x in (k_cache, v_cache)
    )
    scores = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    place = torch.arange(size)
    seen = (place <= slots[..., None]) & (torch.arange(new) < counts[:, None])[..., None]
    if starts is not None and new > 1:
        seen = seen & (place >= starts[:, None, None])
    scores = scores.masked_fill(~seen[:, None], -math.inf)
    p = torch.softmax(scores, -1).masked_fill(~seen.any(-1)[:, None, :, None], 0.0)
    return (p @ values).to(q.dtype), k_cache, v_cache, lengths + counts
