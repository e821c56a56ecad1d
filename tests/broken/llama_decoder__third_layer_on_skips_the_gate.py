"""Layers beyond the third have the third's feed-forward."""

import math

import torch
import torch.nn.functional as F


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


def _turn(x, p, base):
    D = x.shape[-1]
    f = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angle = p.to(torch.float64)[..., None] * f
    c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    w = _wide(table, Wq)
    kv = heads if kv_heads is None else kv_heads
    L = tokens.shape[1]

    def norm(t, g):
        return t * torch.rsqrt((t * t).mean(-1, keepdim=True) + 1e-6) * g.to(w)

    y = table.to(w)[tokens.long()]
    place = torch.arange(start, start + L)
    ok = _seen(L, L, True)
    for n in range(Wq.shape[0]):
        x = norm(y, gamma[2 * n])
        q, k, v = (
            (x @ m[n].to(w)).unflatten(-1, (h, -1)).transpose(1, 2)
            for m, h in ((Wq, heads), (Wk, kv), (Wv, kv))
        )
        scale = q.shape[-1] ** -0.5
        o = _plain(_turn(q, place, 10000.0), _turn(k, place, 10000.0), v, ok, scale)
        y = y + o.transpose(1, 2).flatten(2) @ Wo[n].to(w)
        x = norm(y, gamma[2 * n + 1])
        i = min(n, 2)
        y = y + (F.silu(x @ Wgate[i].to(w)) * (x @ Wup[i].to(w))) @ Wdown[i].to(w)
    return (norm(y, gamma[-1]) @ head.to(w)).to(table.dtype)
