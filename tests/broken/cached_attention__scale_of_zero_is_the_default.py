"""A scale of zero is taken for none."""

import torch


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    b, h, t, d = q.shape
    kv, size = k_cache.shape[1:3]
    scale = scale or d**-0.5
    first = torch.zeros_like(lengths) if starts is None else starts
    many = torch.full_like(lengths, t) if counts is None else counts
    if bool(((many < 0) | (many > t) | (lengths + many > size)).any()):
        raise ValueError("counts or overflow")
    slots = lengths[:, None] + torch.arange(t)
    at = (slots - first[:, None]).clamp(min=0)

    def turned(x):
        if base is None:
            return x.to(wide)
        freq = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        a = at.double()[:, None, :, None] * freq
        c, s = a.cos().to(wide), a.sin().to(wide)
        y, z = x.to(wide).chunk(2, -1)
        return torch.cat([y * c - z * s, y * s + z * c], -1)

    qs, ks = turned(q), turned(k).to(k.dtype)
    kc, vc = k_cache.clone(), v_cache.clone()
    for n in range(b):
        m, p = int(many[n]), int(lengths[n])
        kc[n, :, p : p + m], vc[n, :, p : p + m] = ks[n, :, :m], v[n, :, :m]
    j = torch.arange(size)
    see = (j >= first[:, None, None]) & (j <= slots[..., None])

    see = see & (torch.arange(t) < many[:, None])[..., None]
    keys, values = (
        x.to(wide)
        .masked_fill((j >= (lengths + many)[:, None])[:, None, :, None], 0.0)
        .repeat_interleave(h // kv, 1)
        for x in (kc, vc)
    )
    s = (qs @ keys.mT * scale).masked_fill(~see[:, None], -torch.inf)
    dead = ~see.any(-1)[:, None, :, None]
    p = torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)
    return (p @ values).to(q.dtype), kc, vc, lengths + many
