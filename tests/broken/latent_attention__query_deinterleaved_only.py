"""Interleaved rotary features are regrouped for the queries and forgotten for the shared key."""

import math

import torch


def turn(x, positions, base):
    half = x.shape[-1] // 2
    inv = base ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = positions.to(x.dtype)[:, None] * inv
    a, b = x.chunk(2, -1)
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


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
    heads=1,
    causal=False,
    base=10000.0,
    interleaved=False,
    scale=None,
):
    batch, length, _ = x.shape
    rotary = Wk_rope.shape[1]
    width = Wq.shape[1] // heads - rotary
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    q = (h @ Wq.to(wide)).view(batch, length, heads, -1).transpose(1, 2)
    content, rope = q.split((width, rotary), -1)
    if interleaved:
        rope = rope.unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2)
    rope = turn(rope, positions, base)
    latent = h @ Wkv_down.to(wide)
    key_rope = turn(h @ Wk_rope.to(wide), positions, base)[:, None].expand(-1, heads, -1, -1)
    key = (latent @ Wk_up.to(wide)).view(batch, length, heads, width).transpose(1, 2)
    value = (latent @ Wv_up.to(wide)).view(batch, length, heads, -1).transpose(1, 2)
    s = torch.cat((content, rope), -1) @ torch.cat((key, key_rope), -1).mT
    s = s * (1 / math.sqrt(width + rotary) if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -math.inf)
    o = (torch.softmax(s, -1) @ value).transpose(1, 2).flatten(2)
    return (o @ Wo.to(wide)).to(x.dtype)
