"""Rotary queries are turned in interleaved pairs, the shared rotary key in halves."""

import torch


def turn(x, positions, base, interleaved):
    R = x.shape[-1]
    rate = base ** (-torch.arange(0, R, 2, dtype=torch.float64) / R)
    angle = positions.to(torch.float64)[..., None] * rate
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    if positions.dim() == 2:
        cos, sin = cos[:, None], sin[:, None]
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    a, b = x[..., : R // 2], x[..., R // 2 :]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


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
    B, L, _ = x.shape
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    xf = x.to(work)
    R = Wk_rope.shape[1]
    D = Wq.shape[1] // heads - R
    q = (xf @ Wq.to(work)).view(B, L, heads, D + R).transpose(1, 2)
    latent = xf @ Wkv_down.to(work)
    k = (latent @ Wk_up.to(work)).view(B, L, heads, D).transpose(1, 2)
    v = (latent @ Wv_up.to(work)).view(B, L, heads, -1).transpose(1, 2)
    q_turned = turn(q[..., D:], positions, base, interleaved)
    k_turned = turn((xf @ Wk_rope.to(work))[:, None], positions, base, False)
    s = q[..., :D] @ k.transpose(-1, -2) + q_turned @ k_turned.transpose(-1, -2)
    s = s * ((D + R) ** -0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(L, L, dtype=torch.bool).triu(1), float("-inf"))
    out = (torch.softmax(s, -1) @ v).transpose(1, 2).reshape(B, L, -1)
    return (out @ Wo.to(work)).to(x.dtype)
