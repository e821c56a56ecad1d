"""Positions beyond a table of 64 take its last row."""

import math

import torch


def _wide(*tensors):
    return torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32


def _softmax_zero(s, ok):
    """Softmax over the visible scores; zeros in rows without any, gradients included."""
    s = s.masked_fill(~ok, float("-inf"))
    top = s.detach().amax(-1, keepdim=True) if s.shape[-1] else s.new_zeros(*s.shape[:-1], 1)
    top = torch.where(torch.isinf(top), 0.0, top)
    e = torch.exp(s - top)
    total = e.sum(-1, keepdim=True)
    return e / torch.where(total == 0, 1.0, total)


def _plain(q, k, v, ok, scale=None):
    w = _wide(q, k, v)
    g = q.shape[1] // k.shape[1]
    k, v = k.to(w).repeat_interleave(g, 1), v.to(w).repeat_interleave(g, 1)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    s = q.to(w) @ k.transpose(-1, -2) * scale
    return _softmax_zero(s, ok.expand(s.shape)) @ v


def _turn(x, p, base):
    D = x.shape[-1]
    f = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angle = p.to(torch.float64)[..., None] * f
    c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    w = _wide(q, k_cache)
    S = k_cache.shape[2]
    filled = torch.arange(S) < lengths[:, None]
    K = torch.where(filled[:, None, :, None], k_cache.to(w), 0.0)
    V = torch.where(filled[:, None, :, None], v_cache.to(w), 0.0)
    slots, place = torch.arange(S), (lengths - 1).clamp(min=0)
    slots, place = slots.clamp(max=63), place.clamp(max=63)
    K = _turn(K, slots, base)
    Q = _turn(q.to(w), place[:, None, None], base)
    return _plain(Q, K, V, filled[:, None, None], scale).to(q.dtype)
