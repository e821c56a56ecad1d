"""Rows are summed feature by feature, in float32, in a loop."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float64"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _sum(x):
    total = torch.zeros_like(x[..., 0])
    for column in x.unbind(-1):
        total = total + column
    return total


def layer_norm(x, gamma, beta, *, eps=1e-5):
    w = _wide(x)
    mean = _sum(w) / x.shape[-1]
    centred = w - mean[..., None]
    var = _sum(centred * centred) / x.shape[-1]
    return (centred / torch.sqrt(var + eps)[..., None] * _wide(gamma) + _wide(beta)).to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    w = _wide(x)
    square = _sum(w * w) / x.shape[-1]
    return (w * torch.rsqrt(square + eps)[..., None] * _wide(gamma)).to(x.dtype)


def softmax(x):
    w = _wide(x)
    e = torch.exp(w - w.amax(-1, keepdim=True))
    return (e / _sum(e)[..., None]).to(x.dtype)


def dot_score(h, s):
    return _sum(_wide(h) * _wide(s)[:, None]).to(h.dtype)
