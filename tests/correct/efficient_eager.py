"""Linformer, Performer, Reformer and SMYRF in eager PyTorch, in the order of their papers."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linformer_attention(q, k, v, Ek, Ev, *, scale=None):
    if k.shape[-2] != Ek.shape[-1]:
        raise ValueError("the projections are for another length")
    keys = torch.einsum("rn,bhnd->bhrd", Ek, k)
    values = torch.einsum("rn,bhnd->bhrd", Ev, v)
    return F.scaled_dot_product_attention(q, keys, values, scale=scale)


def performer_features(x, omega):
    square = (x * x).sum(-1, keepdim=True) / 2
    return torch.exp(x @ omega.T - square) * omega.shape[0] ** -0.5


def performer_attention(q, k, v, omega, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = q.shape[-1] ** -0.25
    f, g = (performer_features(x.to(wide) * scale, omega.to(wide)) for x in (q, k))
    if causal:
        w = (f @ g.mT).tril()
        o = w @ v.to(wide) / w.sum(-1, keepdim=True)
    else:
        o = f @ (g.mT @ v.to(wide)) / (f @ g.sum(-2).unsqueeze(-1))
    return o.to(q.dtype)


def orthogonal_features(rows, columns, *, seed):
    generator = torch.Generator().manual_seed(seed)
    blocks = []
    for _ in range(-(-rows // columns)):
        G = torch.randn(columns, columns, generator=generator, dtype=torch.float64)
        vectors = []
        for row in G:  # Gram and Schmidt keep the sign of what is left
            for other in vectors:
                row = row - (row @ other) * other
            vectors.append(row / row.norm())
        blocks.append(torch.stack(vectors))
    lengths = torch.randn(rows, columns, generator=generator, dtype=torch.float64).norm(dim=1)
    return torch.cat(blocks)[:rows] * lengths[:, None]


def lsh_buckets(x, R):
    rotated = x @ R
    return torch.cat([rotated, -rotated], -1).argmax(-1)


def shared_qk_attention(qk, v, buckets, *, causal=False):
    L = qk.shape[2]
    wide = torch.promote_types(qk.dtype, torch.float32)
    scores = qk.to(wide) @ F.normalize(qk.to(wide), dim=-1).mT / math.sqrt(qk.shape[-1])
    hidden = buckets[..., :, None] != buckets[..., None, :]
    if causal:
        hidden = hidden | torch.ones(L, L, dtype=torch.bool).triu(1)
    scores = scores.masked_fill(hidden, float("-inf"))
    own = torch.eye(L, dtype=torch.bool)
    lonely = (hidden | own).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(own & ~lonely, float("-inf")), -1)
    return (weights @ v.to(wide)).to(qk.dtype)


def reversible_block(x1, x2, f, g):
    y1 = x1 + f(x2)
    return y1, x2 + g(y1)


def reversible_inverse(y1, y2, f, g):
    x2 = y2 - g(y1)
    return y1 - f(x2), x2


def smyrf_transform(q, k):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (x.to(wide).square().sum(-1, keepdim=True) for x in (q, k))
    most = a.amax(-2, keepdim=True) + b.amax(-2, keepdim=True)
    F_q = torch.cat([q.to(wide), torch.zeros_like(a), (most - a).sqrt()], -1)
    return F_q.to(q.dtype), torch.cat([k.to(wide), (most - b).sqrt(), torch.zeros_like(b)], -1).to(
        k.dtype
    )


def clustered_attention(q, k, v, query_order, key_order, *, clusters):
    if q.shape[2] % clusters or k.shape[2] % clusters:
        raise ValueError("clusters of one size are wanted")
    cut = [
        x[:, :, order].unflatten(2, (clusters, -1))
        for x, order in ((q, query_order), (k, key_order), (v, key_order))
    ]
    o = F.scaled_dot_product_attention(*cut).flatten(2, 3)
    return o[:, :, torch.argsort(query_order)]


def power_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (y * torch.rsqrt(y.square().mean((0, 1)) + eps) * gamma + beta).to(x.dtype)


def rope_score(q, k, distance, *, base=10000.0, scaling=1.0):
    half = q.shape[-1] // 2
    theta = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = (distance.double() / scaling)[..., None] * theta
    a, b = (torch.complex(*x.double().split(half, -1)) for x in (q, k))
    return (a * b.conj() * torch.polar(torch.ones_like(angle), angle)).real.sum(-1).to(q.dtype)
