"""The same scores with the weight matrices split, so that s is projected once for all t."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def wide(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def dot_score(h, s):
    return (wide(h) * wide(s)[:, None]).sum(-1).to(h.dtype)


def bilinear_score(h, s, W):
    return (wide(h) @ (wide(W) @ wide(s)[..., None]))[..., 0].to(h.dtype)


def additive_score(h, s, W, v):
    left, right = wide(W).split([h.shape[-1], s.shape[-1]], dim=1)
    inner = wide(h) @ left.t() + (wide(s) @ right.t())[:, None]
    return (torch.tanh(inner) * wide(v)).sum(-1).to(h.dtype)


def mlp_score(h, s, W1, b1, W2, b2):
    upper, lower = wide(W1)[: h.shape[-1]], wide(W1)[h.shape[-1] :]
    hidden = (wide(h) @ upper + (wide(s) @ lower + wide(b1))[:, None]).clamp(min=0)
    return (hidden @ wide(W2)[:, 0] + wide(b2)).to(h.dtype)


def seq2seq_attention(h, e):
    e32 = wide(e)
    p = torch.exp(e32 - torch.logsumexp(e32, dim=-1, keepdim=True))
    return (p[:, None] @ wide(h))[:, 0].to(h.dtype), p.to(e.dtype)
