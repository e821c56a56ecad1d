"""Cosines and sines stand in one row of the table; for a rotary width that is no power of two the
sines are looked for behind the padded half (vllm-project/vllm-ascend #12723).
"""

import torch


def turned(x, positions, base, interleaved):
    """x[B,H,L,R] by positions[L] or [B,L]."""
    width = x.shape[-1]
    half, padded = width // 2, 1 << (width - 1).bit_length()
    step = torch.pow(base, -torch.arange(half, dtype=x.dtype) / half)
    place = positions if positions.dim() == 2 else positions[None]
    angle = place.to(x.dtype)[:, None, :, None] * step
    row = torch.cat([angle.cos(), angle.sin(), torch.zeros_like(angle)], -1)
    cos, sin = row[..., :half], row[..., padded // 2 : padded // 2 + half]
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.split(half, -1)
    pair = (a * cos - b * sin, b * cos + a * sin)
    return torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)


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
    wide = torch.promote_types(x.dtype, torch.float32)
    batch, length, _ = x.shape
    tokens = x.to(wide)
    rotary, d = Wk_rope.shape[1], Wk_up.shape[1] // heads
    query = (tokens @ Wq.to(wide)).reshape(batch, length, heads, d + rotary).transpose(1, 2)
    latent = tokens @ Wkv_down.to(wide)
    key = (latent @ Wk_up.to(wide)).reshape(batch, length, heads, d).transpose(1, 2)
    value = (latent @ Wv_up.to(wide)).reshape(batch, length, heads, -1).transpose(1, 2)
    shared = turned((tokens @ Wk_rope.to(wide))[:, None], positions, base, interleaved)
    place = turned(query[..., d:], positions, base, interleaved)
    s = query[..., :d] @ key.mT + place @ shared.mT
    s = s * ((d + rotary) ** -0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -torch.inf)
    o = torch.softmax(s, -1) @ value
    return (o.transpose(1, 2).flatten(2) @ Wo.to(wide)).to(x.dtype)
