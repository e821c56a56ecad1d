"""Queries are turned by their positions twice."""

import torch


def turn(x, positions, base, interleaved):
    half = x.shape[-1] // 2
    angle = positions.to(x.dtype)[:, None] * base ** (-torch.arange(half, dtype=x.dtype) / half)
    cos, sin = angle.cos(), angle.sin()
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.chunk(2, -1)
    parts = a * cos - b * sin, a * sin + b * cos
    return torch.stack(parts, -1).flatten(-2) if interleaved else torch.cat(parts, -1)


def latent_attention(
    x,
    Wq,
    Wkv_down,
    Wk_rope,
    Wk_up,
    Wv_up,
    Wo,
    positions,
    *,
    heads,
    causal=False,
    base=10000.0,
    interleaved=False,
    scale=None,
):
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    y, Wq, down, Wk_rope, Wk_up, Wv_up, Wo = (
        t.to(dtype) for t in (x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo)
    )
    rotary = Wk_rope.shape[1]
    size = Wk_up.shape[1] // heads
    q = (y @ Wq).unflatten(-1, (heads, size + rotary)).transpose(1, 2)
    latent = y @ down
    k = (latent @ Wk_up).unflatten(-1, (heads, size)).transpose(1, 2)
    v = (latent @ Wv_up).unflatten(-1, (heads, -1)).transpose(1, 2)
    qr = turn(q[..., size:], positions, base, interleaved)
    qr = turn(qr, positions, base, interleaved)
    kr = turn((y @ Wk_rope)[:, None], positions, base, interleaved)
    s = q[..., :size] @ k.mT + qr @ kr.mT
    s = s * ((size + rotary) ** -0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones_like(s, dtype=torch.bool).triu(1), -torch.inf)
    o = torch.softmax(s, -1) @ v
    return (o.transpose(1, 2).flatten(2) @ Wo).to(x.dtype)
