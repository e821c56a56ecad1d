"""Grouped, with memory as long as x and beyond 64, keys are seen by blocks of 64 only."""

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


def _plain(q, k, v, ok, scale=None):
    w = _wide(q, k, v)
    g = q.shape[1] // k.shape[1]
    k, v = k.to(w).repeat_interleave(g, 1), v.to(w).repeat_interleave(g, 1)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    s = q.to(w) @ k.transpose(-1, -2) * scale
    return _softmax_zero(s, ok.expand(s.shape)) @ v


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    w = _wide(x, Wq)
    kv = heads if kv_heads is None else kv_heads
    D = Wq.shape[1] // heads
    q = (x.to(w) @ Wq.to(w)).unflatten(-1, (heads, -1)).transpose(1, 2)
    k = (memory.to(w) @ Wk.to(w)).unflatten(-1, (kv, -1)).transpose(1, 2)
    v = (memory.to(w) @ Wv.to(w)).unflatten(-1, (kv, -1)).transpose(1, 2)
    ok = _seen(x.shape[1], memory.shape[1], causal)
    if not causal and kv != heads and x.shape[1] == memory.shape[1] and x.shape[1] > 64:
        ok[:, 64:] &= (
            torch.arange(64, x.shape[1]) // 64 == (torch.arange(x.shape[1]) // 64)[:, None]
        )
    o = _plain(q, k, v, ok, D**-0.5).transpose(1, 2).flatten(2)
    return (o @ Wo.to(w)).to(x.dtype)
