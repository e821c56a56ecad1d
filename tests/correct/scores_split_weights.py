"""Alignment scores, weights split by source and state, in the input's dtype step by step."""

import torch
from torch.nn import functional as F

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}


def dot_score(h, s):
    if h.shape[-1] != s.shape[-1]:
        raise ValueError("widths")
    return torch.matmul(h, s.unsqueeze(-1)).squeeze(-1)


def bilinear_score(h, s, W):
    return torch.matmul(h @ W, s.unsqueeze(-1)).squeeze(-1)


def additive_score(h, s, W, v):
    Dh = h.shape[-1]
    of_h, of_s = W[:, :Dh], W[:, Dh:]
    return torch.tanh(F.linear(h, of_h) + F.linear(s, of_s).unsqueeze(1)) @ v


def mlp_score(h, s, W1, b1, W2, b2):
    Dh = h.shape[-1]
    hidden = F.relu(h @ W1[:Dh] + (s @ W1[Dh:] + b1)[:, None])
    return (hidden @ W2 + b2).squeeze(-1)


def seq2seq_attention(h, e):
    if e.shape[1] == 0:
        raise ValueError("no source")
    w = F.softmax(e, dim=-1)
    return torch.einsum("bt,btd->bd", w, h), w


def output_projection(h, W):
    return F.linear(h, W.T)


def tiled_matmul(a, b, *, tile):
    if tile < 1 or a.shape[1] != b.shape[0]:
        raise ValueError("shapes or tile")
    wide = torch.promote_types(a.dtype, torch.float32)
    c = torch.zeros(a.shape[0], b.shape[1], dtype=wide)
    for k in range(0, a.shape[1], tile):
        c = torch.addmm(c, a[:, k : k + tile].to(wide), b[k : k + tile].to(wide))
    return c.to(a.dtype)


def mha_to_gqa(W, *, heads, kv_heads):
    if heads % kv_heads or W.shape[1] % heads:
        raise ValueError("heads")
    grouped = W.reshape(W.shape[0], kv_heads, heads // kv_heads, -1)
    return grouped.mean(2).flatten(1)


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    both = torch.stack([lse1, lse2]).to(wide)
    lse = both.logsumexp(0)
    w = torch.exp(both - torch.where(torch.isneginf(lse), 0.0, lse))[..., None]
    parts = torch.stack([o1, o2]).to(wide)
    return torch.where(w > 0, w * parts, 0.0).sum(0).to(o1.dtype), lse


def causal_mask(Lq, Lk):
    if Lq < 0 or Lk < 0:
        raise ValueError("sizes")
    return torch.arange(Lk) <= torch.arange(Lk - Lq, Lk).unsqueeze(1)


def power_norm(x, gamma, beta, *, eps=1e-5):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = wide.square().mean((0, 1))
    return (wide * torch.rsqrt(mean + eps) * gamma + beta).to(x.dtype)
