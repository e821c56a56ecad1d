"""Rotary angles are computed in the input's dtype; whole positions round in half precision."""

import math

import torch


def turn(x, positions, base):
    half = x.shape[-1] // 2
    inv = (base ** (-torch.arange(half, dtype=torch.float32) / half)).to(x.dtype)
    angle = positions.to(x.dtype)[:, None, :, None] * inv
    a, b = x.chunk(2, -1)
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


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
