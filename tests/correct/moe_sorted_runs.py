"""Mixture of experts by a stable sort of assignments and one product for each run."""

import math

import torch
import torch.nn.functional as F


def router(x, Wg, *, top_k=1):
    p = torch.softmax(
        x @ Wg, -1, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32
    )
    w, i = torch.topk(p, top_k, -1)
    return i, w.to(x.dtype)


def moe_dispatch(indices, *, experts, capacity):
    flat = indices.T.reshape(-1)
    order = torch.argsort(flat, stable=True)
    counts = torch.bincount(flat, minlength=experts)
    first = torch.cumsum(counts, 0) - counts
    rank = torch.arange(flat.numel()) - first[flat[order]]
    kept = torch.empty(flat.numel(), dtype=torch.bool)
    kept[order] = rank < capacity
    return kept.view(indices.shape[1], indices.shape[0]).T


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    T, N = x.shape[0], Wg.shape[1]
    indices, weights = router(x, Wg, top_k=top_k)
    flat, token = indices.T.reshape(-1), torch.arange(T).repeat(top_k)
    gate = weights.T.reshape(-1)
    if capacity_factor is not None:
        capacity = math.ceil(T / N * capacity_factor)
        kept = moe_dispatch(indices, experts=N, capacity=capacity).T.reshape(-1)
        flat, token, gate = flat[kept], token[kept], gate[kept]
    order = torch.argsort(flat, stable=True)
    sizes = torch.bincount(flat, minlength=N).tolist()
    out = torch.zeros_like(x)
    for e, rows in enumerate(order.split(sizes)):
        if len(rows):
            y = F.relu(x[token[rows]] @ W1[e]) @ W2[e]
            out = out.index_add(0, token[rows], y * gate[rows, None])
    return out


def expert_choice(x, Wg, *, capacity):
    p = torch.softmax(x @ Wg, -1)
    w, i = torch.sort(p.T, dim=-1, descending=True)
    return i[:, :capacity], w[:, :capacity]


def load_balancing_loss(probs, indices):
    T, N = probs.shape
    f = torch.zeros(N, dtype=probs.dtype).scatter_add_(0, indices, torch.ones_like(probs[:, 0]))
    return N * torch.dot(f / T, probs.mean(0))


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    h = x @ Wg + noise * F.softplus(x @ Wnoise)
    v, i = h.topk(top_k, -1)
    return torch.zeros_like(h).scatter(-1, i, v.softmax(-1))


def sinkhorn_routing(scores, *, iterations=8):
    a = scores if scores.dtype == torch.float64 else scores.float()
    u = (a - a.amax()).exp()
    T, N = u.shape
    for _ in range(iterations):
        u = u / u.sum(1, keepdim=True)
        u = u * (T / N / u.sum(0, keepdim=True))
    return u.to(scores.dtype)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
