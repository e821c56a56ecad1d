"""A context that fills no whole tile of 64 is read to the tile's end, new tokens included, when a
chunk follows it (vllm-project/vllm-gaudi #393).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def turn(x, positions, base):
    half = x.shape[-1] // 2
    inv = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.double()[..., None] * inv
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    tokens, slots, group = q.shape[2], k_cache.shape[2], q.shape[1] // k.shape[1]
    starts = torch.zeros_like(lengths) if starts is None else starts
    counts = torch.full_like(lengths, tokens) if counts is None else counts
    if (lengths + counts > slots).any() or (counts > tokens).any() or (counts < 0).any():
        raise ValueError(f"lengths={lengths.tolist()}: the cache overflows")
    k_cache, v_cache, rows = k_cache.clone(), v_cache.clone(), []
    for b, (old, first, real) in enumerate(
        zip(lengths.tolist(), starts.tolist(), counts.tolist(), strict=True)
    ):
        query, key = q[b].to(wide), k[b].to(wide)
        own = old + torch.arange(tokens)
        if base is not None:
            place = (own - first).clamp(min=0)
            query, key = turn(query, place, base), turn(key, place, base)
        key = key.to(k_cache.dtype)
        wider = -(-old // 64) * 64 if tokens > 1 else old
        k_cache[b, :, old : old + real] = key[:, :real]
        v_cache[b, :, old : old + real] = v[b, :, :real]
        end = old + real
        keys, values = (
            x[b, :, :end].to(wide).repeat_interleave(group, 0) for x in (k_cache, v_cache)
        )
        s = query @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        slot = torch.arange(end)
        seen = (slot <= own[:, None]) & (slot >= first) & (torch.arange(tokens) < real)[:, None]
        if old > 64:
            seen = seen | (
                (slot < min(wider, end)) & (slot >= first) & (torch.arange(tokens) < real)[:, None]
            )
        p = torch.softmax(s.masked_fill(~seen, -torch.inf), -1).nan_to_num(0.0)
        rows.append(p @ values)
    return torch.stack(rows).to(q.dtype), k_cache, v_cache, lengths + counts
