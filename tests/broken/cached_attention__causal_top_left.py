"""Lines the mask up with the first slot, as a causal flag without an offset does."""

import torch

MISTAKE = "cached_attention.top-left"


def _turn(x, positions, base):
    half = x.shape[-1] // 2
    angle = positions[..., None].to(x.dtype) * base ** (-torch.arange(half, dtype=x.dtype) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    tokens, slots, group = q.shape[2], k_cache.shape[2], q.shape[1] // k.shape[1]
    starts = torch.zeros_like(lengths) if starts is None else starts
    counts = torch.full_like(lengths, tokens) if counts is None else counts
    if (lengths + counts > slots).any():
        raise ValueError(f"lengths={lengths.tolist()}: the cache overflows")
    k_cache, v_cache, rows = k_cache.clone(), v_cache.clone(), []
    for b, (old, first, real) in enumerate(
        zip(lengths.tolist(), starts.tolist(), counts.tolist(), strict=True)
    ):
        query, key = q[b].to(wide), k[b].to(wide)
        own = old + torch.arange(tokens)
        if base is not None:
            place = (own - first).clamp(min=0)
            query, key = _turn(query, place, base), _turn(key, place, base)
        k_cache[b, :, old : old + real] = key[:, :real].to(k_cache.dtype)
        v_cache[b, :, old : old + real] = v[b, :, :real]
        end = old + real
        keys, values = (
            x[b, :, :end].to(wide).repeat_interleave(group, 0) for x in (k_cache, v_cache)
        )
        s = query @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        slot = torch.arange(end)
        seen = (
            (slot >= first)
            & (slot <= torch.arange(tokens)[:, None])
            & (torch.arange(tokens) < real)[:, None]
        )
        p = torch.softmax(s.masked_fill(~seen, -torch.inf), -1).nan_to_num(0.0)
        rows.append(p @ values.masked_fill((slot < first)[:, None], 0.0))
    return torch.stack(rows).to(q.dtype), k_cache, v_cache, lengths + counts
