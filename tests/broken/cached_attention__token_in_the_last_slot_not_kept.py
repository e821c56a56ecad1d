"""A sequence that fills its cache to the last slot keeps its newest token out of it, as the test
for room is strict (after huggingface/transformers #37574).
"""

import torch


def turned(x, place, base):
    """x[B,H,T,D] at place[B,T], pairs of the two halves."""
    half = x.shape[-1] // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    step = base ** (-torch.arange(half, dtype=wide) / half)
    angle = place.to(wide)[:, None, :, None] * step
    a, b = x.to(wide).split(half, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    (batch, heads, tokens, d), size = q.shape, k_cache.shape[2]
    group = heads // k.shape[1]
    counts = torch.full_like(lengths, tokens) if counts is None else counts
    starts = torch.zeros_like(lengths) if starts is None else starts
    if bool((lengths + counts > size).any()):
        raise ValueError("overflow of the cache")
    scale = d**-0.5 if scale is None else scale
    slot = lengths[:, None] + torch.arange(tokens)
    real = torch.arange(tokens) < counts[:, None]
    query, fresh = q.to(wide), k.to(wide)
    if base is not None:
        place = (slot - starts[:, None]).clamp(min=0)
        query, fresh = turned(q, place, base), turned(k, place, base)
    keys, values, out = [], [], []
    for b in range(batch):
        n, c = int(lengths[b]), int(counts[b])
        w = c if n + c < size else max(c - 1, 0)
        old = torch.arange(size)[:, None] < n
        seen = torch.where(old, k_cache[b].to(wide), 0.0)
        read = torch.where(old, v_cache[b].to(wide), 0.0)
        seen = torch.cat([seen[:, :n], fresh[b, :, :c], seen[:, n + c :]], 1)
        read = torch.cat([read[:, :n], v[b, :, :c].to(wide), read[:, n + c :]], 1)
        keys.append(
            torch.cat([k_cache[b, :, :n], fresh[b, :, :w].to(k.dtype), k_cache[b, :, n + w :]], 1)
        )
        values.append(torch.cat([v_cache[b, :, :n], v[b, :, :w], v_cache[b, :, n + w :]], 1))
        at = torch.arange(size)
        see = (at >= starts[b]) & (at <= slot[b][:, None]) & real[b][:, None]
        dead = ~see.any(-1, keepdim=True)
        s = query[b] @ seen.repeat_interleave(group, 0).mT * scale
        s = s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
        p = torch.softmax(s, -1).masked_fill(dead, 0.0)
        out.append((p @ read.repeat_interleave(group, 0)).to(q.dtype))
    return torch.stack(out), torch.stack(keys), torch.stack(values), lengths + counts
