"""Behind 64 cached slots and more the last tile is taken for a full one: tokens of a chunk see
later ones (tenstorrent/tt-metal #48899).
"""

import torch


def turned(x, place, base):
    """x[B,H,T,D] by place[B,T], half-split pairs."""
    half = x.shape[-1] // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    step = torch.pow(base, -torch.arange(half, dtype=wide) / half)
    angle = place.to(wide)[:, None, :, None] * step
    a, b = x.to(wide).split(half, -1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attend(q, k, v, see, scale):
    wide = torch.promote_types(q.dtype, torch.float32)
    k, v = (x.to(wide).repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    s = (q.to(wide) @ k.mT * scale).masked_fill(~see, -torch.inf)
    top = s.amax(-1, keepdim=True) if s.shape[-1] else s.sum(-1, keepdim=True)
    e = torch.exp(s - top.detach().masked_fill(top == -torch.inf, 0.0))
    total = e.sum(-1, keepdim=True)
    # Slots beyond the length may hold anything: they must not meet a weight of zero.
    v = torch.where(see.any(-2)[..., None], v, torch.zeros_like(v))
    return e @ v / total.masked_fill(total == 0, 1.0)


def placed(cache, new, slot, real):
    """New tokens in their slots, [B,K,S,D]."""
    out = cache.clone()
    for b in range(cache.shape[0]):
        for t in range(new.shape[2]):
            if real[b, t]:
                out[b, :, int(slot[b, t])] = new[b, :, t].to(cache.dtype)
    return out


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    tokens, slots = k.shape[2], k_cache.shape[2]
    counts = torch.full_like(lengths, tokens) if counts is None else counts
    if any(n + c > slots for n, c in zip(lengths.tolist(), counts.tolist(), strict=True)):
        raise ValueError("the cache is full")
    start = torch.zeros_like(lengths) if starts is None else starts
    slot = lengths[:, None] + torch.arange(tokens)
    real = torch.arange(tokens) < counts[:, None]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    dtype = q.dtype
    if base is not None:
        place = (slot - start[:, None]).clamp(min=0)
        q, k = turned(q, place, base), turned(k, place, base)

    keys, values = placed(k_cache, k, slot, real), placed(v_cache, v, slot, real)
    # A new key is read as it is, before it is rounded into the cache.
    read = placed(k_cache.to(torch.promote_types(k.dtype, k_cache.dtype)), k, slot, real)
    place = torch.arange(slots)
    see = (place >= start[:, None, None]) & (place <= slot[:, :, None]) & real[:, :, None]
    open_ = (lengths >= 64)[:, None, None] & (place < (lengths + counts)[:, None, None])
    see = see | (open_ & (place >= lengths[:, None, None]) & real[:, :, None])
    o = attend(q, read, values, see[:, None], scale).to(dtype)
    return o, keys, values, lengths + counts
