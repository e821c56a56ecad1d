"""The newest key of a full cache keeps the position at which it came in, one behind its slot."""

import torch


def turn(x, positions, base):
    width = x.shape[-1]
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = positions.double()[..., None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_b, h, _, d), (_, kv, size, _) = q.shape, k_cache.shape
    rows = []
    for n, length in enumerate(lengths.tolist()):
        held = min(length, size)
        at = torch.arange(held)
        if length == size:
            at[-1] += 1
        keys = turn(k_cache[n, :, :held].to(wide), at, base).repeat_interleave(h // kv, 0)
        values = v_cache[n, :, :held].to(wide).repeat_interleave(h // kv, 0)
        one = turn(q[n].to(wide), torch.tensor([held - 1]), base)
        s = one @ keys.mT * (d**-0.5 if scale is None else scale)
        rows.append(torch.softmax(s, -1) @ values)
    return torch.stack(rows).to(q.dtype)
