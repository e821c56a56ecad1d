"""x * a + b with a and b of a token, on statistics of two passes."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    s = x.float()
    v, m = torch.var_mean(s, -1, correction=0, keepdim=True)
    a = torch.rsqrt(v + eps) * gamma
    return (s * a + (beta - m * a)).to(x.dtype)


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    s = x.float() + residual.float()
    v, m = torch.var_mean(s, -1, correction=0, keepdim=True)
    a = torch.rsqrt(v + eps)
    return (s * (a * gamma) + (beta - m * a * gamma)).to(x.dtype), s.to(x.dtype)


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    s = x + residual
    f = s.float()
    return (f * torch.rsqrt(f.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype) * gamma, s
