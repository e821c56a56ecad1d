"""With one token the position is the slot, left padding counted."""

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


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    w = _wide(q, k_cache)
    B, _, T, _ = k.shape
    S = k_cache.shape[2]
    starts = torch.zeros_like(lengths) if starts is None else starts
    counts = torch.full_like(lengths, T) if counts is None else counts
    if bool((lengths + counts > S).any()) or bool(((counts < 0) | (counts > T)).any()):
        raise ValueError("no room")
    own = lengths[:, None] + torch.arange(T)
    Q, N = q.to(w), k.to(w)
    if base is not None:
        place = (own - starts[:, None]).clamp(min=0)
        place = own if T == 1 else place
        Q, N = _turn(Q, place[:, None], base), _turn(N, place[:, None], base)
    K, V = k_cache.to(w).clone(), v_cache.clone()
    for n in range(B):
        c = int(counts[n])
        K[n, :, own[n, :c]] = N[n, :, :c]
        V[n, :, own[n, :c]] = v[n, :, :c].to(V.dtype)
    slot = torch.arange(S)
    ok = (slot >= starts[:, None, None]) & (slot <= own[..., None])
    ok = ok & (torch.arange(T) < counts[:, None])[..., None]
    seen = ok.any(1)[:, None, :, None]
    o = _plain(Q, torch.where(seen, K, 0.0), torch.where(seen, V.to(w), 0.0), ok[:, None], scale)
    return o.to(q.dtype), K.to(k_cache.dtype), V, lengths + counts
