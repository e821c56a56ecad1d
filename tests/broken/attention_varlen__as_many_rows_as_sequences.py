"""As many rows as sequences counts as decoding, one row each."""

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


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    T, _S = q.shape[0], k.shape[0]
    if len(cu_q) - 1 == T:
        cu_q = torch.arange(T + 1)
    lq, lk = cu_q.diff().tolist(), cu_k.diff().tolist()
    pieces = [q.new_zeros(0, q.shape[1], v.shape[2])]
    a = c = 0
    for n, m in zip(lq, lk, strict=False):
        ok = _seen(n, m, causal, window)
        o = _plain(
            *(x.transpose(0, 1)[None] for x in (q[a : a + n], k[c : c + m], v[c : c + m])),
            ok,
            scale,
        )
        pieces.append(o[0].transpose(0, 1).to(q.dtype))
        a, c = a + n, c + m
    return torch.cat(pieces)
