"""Rotates the query one place beyond the newest key, as if it were the next token."""

import torch

MISTAKE = "sink_decode_attention.one-ahead"


def _turn(x, positions, base):
    half = x.shape[-1] // 2
    angle = positions[..., None].to(x.dtype) * base ** (-torch.arange(half, dtype=x.dtype) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group, slots = q.shape[1] // k_cache.shape[1], k_cache.shape[2]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    query = _turn(q.to(wide), lengths[:, None, None], base)
    s = query @ _turn(keys, torch.arange(slots), base).mT
    s = s * (q.shape[-1] ** -0.5 if scale is None else scale)
    hidden = torch.arange(slots) >= lengths[:, None, None, None]
    p = torch.softmax(s.masked_fill(hidden, -torch.inf), -1).nan_to_num(0.0)
    return (p @ values.masked_fill(hidden.mT, 0.0)).to(q.dtype)
