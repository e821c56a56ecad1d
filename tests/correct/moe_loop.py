"""Mixture of experts token by token and expert by expert, with plain Python bookkeeping."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def expert_capacity(tokens, experts, capacity_factor, *, top_k=1):
    if min(tokens, experts, top_k) < 1 or capacity_factor <= 0:
        raise ValueError("sizes must be positive")
    return math.ceil(tokens * capacity_factor / experts)


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}, experts={Wg.shape[1]}")
    p = torch.softmax(_wide(x) @ _wide(Wg), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, weights.to(x.dtype)


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or bool((indices >= experts).any()):
        raise ValueError("no such expert or no slot")
    used, kept = [0] * experts, torch.zeros_like(indices, dtype=torch.bool)
    for rank in range(indices.shape[1]):
        for token, expert in enumerate(indices[:, rank].tolist()):
            kept[token, rank] = used[expert] < capacity
            used[expert] += 1
    return kept


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    p = torch.softmax(_wide(x) @ _wide(Wg), -1)
    weights, chosen = torch.topk(p, top_k, dim=-1)
    kept = torch.ones_like(chosen, dtype=torch.bool)
    if capacity_factor is not None:
        slots = expert_capacity(len(x), Wg.shape[1], capacity_factor)
        kept = moe_dispatch(chosen, experts=Wg.shape[1], capacity=slots)
    rows = []
    for t in range(len(x)):
        row = 0.0 * (_wide(x[t]) + weights[t].sum())
        for rank in range(top_k):
            if kept[t, rank]:
                e = int(chosen[t, rank])
                hidden = torch.relu(_wide(x[t]) @ _wide(W1[e]))
                row = row + weights[t, rank] * (hidden @ _wide(W2[e]))
        rows.append(row)
    return torch.stack(rows).to(x.dtype)


def load_balancing_loss(probs, indices):
    wide = _wide(probs)
    f = torch.bincount(indices, minlength=probs.shape[1]).to(wide.dtype) / len(indices)
    return (wide.mean(0) @ f * probs.shape[1]).to(probs.dtype)
