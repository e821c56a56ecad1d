"""The causal mask has a buffer of 128 and rows beyond see everything."""

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


def _norm(x, gamma, beta, eps):
    c = x - x.mean(-1, keepdim=True)
    return c * torch.rsqrt((c * c).mean(-1, keepdim=True) + eps) * gamma + beta


ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}


def transformer_block(
    x,
    Wq,
    Wk,
    Wv,
    Wo,
    W1,
    b1,
    W2,
    b2,
    gamma1,
    beta1,
    gamma2,
    beta2,
    *,
    heads,
    causal=False,
    norm="pre",
    activation="relu",
    eps=1e-5,
):
    w = _wide(x, Wq)
    y = x.to(w)
    Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2 = (
        t.to(w) for t in (Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    )
    act = ACT[activation]
    eps2 = eps

    def attend(t):
        q, k, v = ((t @ m).unflatten(-1, (heads, -1)).transpose(1, 2) for m in (Wq, Wk, Wv))
        ok = _seen(t.shape[1], t.shape[1], causal)
        ok[128:] = True
        return _plain(q, k, v, ok).transpose(1, 2).flatten(2) @ Wo

    def forward(t):
        return act(t @ W1 + b1) @ W2 + b2

    if norm == "pre":
        y = y + attend(_norm(y, gamma1, beta1, eps))
        return (y + forward(_norm(y, gamma2, beta2, eps2))).to(x.dtype)
    y = _norm(y + attend(y), gamma1, beta1, eps)
    return _norm(y + forward(y), gamma2, beta2, eps2).to(x.dtype)
