"""A sequence without a new token in this step is answered for its padding as if it were the token
that was cached last.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def turn(x, place, base, wide):
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = (place.to(torch.float64)[:, None] * rate).to(wide)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    (b, h, t, d), (kv, size) = q.shape, k_cache.shape[1:3]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = d**-0.5 if scale is None else scale
    start = [0] * b if starts is None else starts.tolist()
    count = [t] * b if counts is None else counts.tolist()
    if any(c < 0 or c > t for c in count):
        raise ValueError("counts are in [0, T]")
    if any(n + c > size for n, c in zip(lengths.tolist(), count, strict=True)):
        raise ValueError("the cache is full")
    keys, values = list(k_cache.unbind(0)), list(v_cache.unbind(0))
    out = []
    for i, n in enumerate(lengths.tolist()):
        c, slot = count[i], torch.arange(n, n + t)
        place = (slot - start[i]).clamp(min=0)
        query, fresh = q[i].to(wide), k[i].to(wide)
        if base is not None:
            query, fresh = turn(query, place, base, wide), turn(fresh, place, base, wide)
        keys[i] = torch.cat([keys[i][:, :n], fresh[:, :c].to(k.dtype), keys[i][:, n + c :]], 1)
        values[i] = torch.cat([values[i][:, :n], v[i][:, :c], values[i][:, n + c :]], 1)
        seen = torch.arange(size)
        see = (seen <= slot[:, None]) & (seen >= start[i])
        exists = (seen < n) if c == 0 else (torch.arange(t) < c)[:, None]
        see = see & exists
        dead = ~see.any(-1, keepdim=True)
        safe = [torch.where(see.any(0)[:, None], x[i].to(wide), 0.0) for x in (keys, values)]
        kk, vv = (x.repeat_interleave(h // kv, 0) for x in safe)
        s = (query @ kk.mT * scale).masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
        out.append((torch.softmax(s, -1).masked_fill(dead, 0.0) @ vv).to(q.dtype))
    return (
        torch.stack(out),
        torch.stack(keys),
        torch.stack(values),
        lengths + torch.tensor(count, dtype=lengths.dtype),
    )
