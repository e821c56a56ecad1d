"""onnxruntime: positions count back from the new length by the padded width of the chunk."""

import torch


def turn(x, place, base):
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = place.to(x.dtype)[:, None] * rate
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    batch, heads, new, size = q.shape
    slots = k_cache.shape[2]
    work = torch.promote_types(q.dtype, torch.float32)
    scale = size**-0.5 if scale is None else scale
    starts = torch.zeros_like(lengths) if starts is None else starts
    counts = torch.full_like(lengths, new) if counts is None else counts
    if bool((counts > new).any()) or bool((counts < 0).any()):
        raise ValueError("counts must lie between 0 and the number of tokens")
    if bool((lengths + counts > slots).any()):
        raise ValueError("the cache overflows")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    out = torch.zeros(batch, heads, new, v.shape[3], dtype=q.dtype)
    for b in range(batch):
        n, c, first = int(lengths[b]), int(counts[b]), int(starts[b])
        own = n + torch.arange(new)
        place = (own - first - (new - c)).clamp(min=0)
        query, key = q[b].to(work), k[b].to(work)
        if base is not None:
            query, key = turn(query, place, base), turn(key, place, base)
        k_cache[b, :, n : n + c] = key[:, :c].to(k_cache.dtype)
        v_cache[b, :, n : n + c] = v[b, :, :c]
        keys, values = k_cache[b].to(work), v_cache[b].to(work)
        keys, values = (x.repeat_interleave(heads // k.shape[1], 0) for x in (keys, values))
        slot = torch.arange(slots)
        ok = (slot >= first) & (slot <= own[:, None])
        s = (query @ keys.mT * scale).masked_fill(~ok, -torch.inf)
        p = torch.where(ok.any(-1, keepdim=True), s.softmax(-1), torch.zeros_like(s))
        out[b, :, :c] = (p @ values)[:, :c].to(q.dtype)
    return out, k_cache, v_cache, lengths + counts
