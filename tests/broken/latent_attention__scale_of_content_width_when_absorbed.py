"""Sequences longer than the latent take the absorbed path, whose scale is of the content width."""

import math

import torch


def _wide(*tensors):
    return torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32


def _seen(Lq, Lk, causal=False, window=None):
    i = torch.arange(Lq)[:, None] + (Lk - Lq)
    j = torch.arange(Lk)
    ok = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        ok &= j <= i
    if window is not None:
        ok &= j > i - window
        if not causal:
            ok &= j < i + window
    return ok


def _softmax_zero(s, ok):
    """Softmax over the visible scores; zeros in rows without any, gradients included."""
    s = s.masked_fill(~ok, float("-inf"))
    top = s.detach().amax(-1, keepdim=True) if s.shape[-1] else s.new_zeros(*s.shape[:-1], 1)
    top = torch.where(torch.isinf(top), 0.0, top)
    e = torch.exp(s - top)
    total = e.sum(-1, keepdim=True)
    return e / torch.where(total == 0, 1.0, total)


def _turn(x, p, base):
    D = x.shape[-1]
    f = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angle = p.to(torch.float64)[..., None] * f
    c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat([a * c - b * s, b * c + a * s], -1)


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
    scale=None,
):
    w = _wide(x, Wq)
    B, L, _ = x.shape
    C, R = Wkv_down.shape[1], Wk_rope.shape[1]
    D, Dv = Wk_up.shape[1] // heads, Wv_up.shape[1] // heads
    x_ = x.to(w)
    q = (x_ @ Wq.to(w)).reshape(B, L, heads, D + R).transpose(1, 2)
    latent, kr = x_ @ Wkv_down.to(w), (x_ @ Wk_rope.to(w))[:, None]
    p = positions if positions.dim() == 1 else positions[:, None]
    qr, kr = _turn(q[..., D:], p, base), _turn(kr, p, base)
    scale = 1 / math.sqrt(D + R) if scale is None else scale
    up = Wk_up.to(w).reshape(C, heads, D)
    absorbed = torch.einsum("bhld,chd->bhlc", q[..., :D], up)
    s = absorbed @ latent[:, None].transpose(-1, -2)
    if L > 2 * C:
        scale = scale * math.sqrt((D + R) / D)
    s = (s + qr @ kr.transpose(-1, -2)) * scale
    ok = _seen(L, L, causal)
    if L == 0:
        return torch.zeros_like(x)
    ctx = _softmax_zero(s, ok.expand(s.shape)) @ latent[:, None]
    o = torch.einsum("bhlc,chd->blhd", ctx, Wv_up.to(w).reshape(C, heads, Dv)).flatten(2)
    return (o @ Wo.to(w)).to(x.dtype)
