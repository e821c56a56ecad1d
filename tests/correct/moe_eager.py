"""Mixture of experts in eager operations of the input dtype: index_add over experts, one-hot."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def router(x, Wg, *, top_k=1):
    weights, indices = torch.softmax(x @ Wg, -1).topk(top_k, dim=-1)
    return indices, weights


def moe_dispatch(indices, *, experts, capacity):
    hot = torch.nn.functional.one_hot(indices.T.reshape(-1), experts)
    place = ((hot.cumsum(0) - 1) * hot).sum(-1)
    return (place < capacity).reshape(indices.T.shape).T


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = len(x), Wg.shape[1]
    weights, chosen = torch.softmax(x @ Wg, -1).topk(top_k, dim=-1)
    slots = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    kept = moe_dispatch(chosen, experts=experts, capacity=max(slots, 1))
    out = torch.zeros_like(x)
    for expert in range(experts):
        token, rank = torch.where((chosen == expert) & kept)
        y = torch.relu(x[token] @ W1[expert]) @ W2[expert]
        out = out.index_add(0, token, y * weights[token, rank].unsqueeze(-1))
    return out


def load_balancing_loss(probs, indices):
    hot = torch.nn.functional.one_hot(indices, probs.shape[1]).to(probs.dtype)
    return (hot.mean(0) * probs.mean(0)).sum() * probs.shape[1]


def expert_choice(x, Wg, *, capacity):
    weights, indices = torch.softmax(x @ Wg, -1).T.topk(capacity, dim=-1)
    return indices, weights


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    h = x @ Wg + noise * torch.nn.functional.softplus(x @ Wnoise)
    top, indices = h.topk(top_k, dim=-1)
    return torch.zeros_like(h).scatter(1, indices, torch.softmax(top, -1))
