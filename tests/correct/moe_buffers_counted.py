"""Experts' buffers filled by counts: tokens sorted by expert, one batched product."""

import math

import torch


def routed(x, Wg, top_k):
    p = torch.softmax(x.float() @ Wg.float(), -1)
    weights, chosen = torch.topk(p, top_k, dim=-1, sorted=True)
    return chosen, weights


def router(x, Wg, *, top_k=1):
    chosen, weights = routed(x, Wg, top_k)
    return [chosen, weights.to(x.dtype)]


def moe_dispatch(indices, *, experts, capacity):
    flat = indices.T.reshape(-1)  # all first choices, then all second ones
    order = torch.argsort(flat, stable=True)
    starts = torch.cumsum(torch.bincount(flat, minlength=experts), 0)
    starts = starts - torch.bincount(flat, minlength=experts)
    rank = torch.empty_like(flat)
    rank[order] = torch.arange(len(flat)) - starts[flat[order]]
    return (rank < capacity).reshape(indices.shape[1], -1).T


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = x.shape[0], Wg.shape[1]
    chosen, weights = routed(x, Wg, top_k)
    kept = torch.ones_like(chosen, dtype=torch.bool)
    if capacity_factor is not None:
        room = math.ceil(tokens / experts * capacity_factor)
        kept = moe_dispatch(chosen, experts=experts, capacity=room)
    token, rank = torch.where(kept)
    expert = chosen[token, rank]
    order = torch.argsort(expert, stable=True)
    token, rank, expert = token[order], rank[order], expert[order]
    counts = torch.bincount(expert, minlength=experts)
    slots = int(counts.max()) if len(expert) else 0
    place = torch.arange(len(expert)) - (counts.cumsum(0) - counts)[expert]
    buffer = x.new_zeros(experts, slots, x.shape[1], dtype=torch.float32)
    buffer = buffer.index_put((expert, place), x.float()[token])
    hidden = torch.bmm(torch.bmm(buffer, W1.float()).relu(), W2.float())
    out = hidden[expert, place] * weights[token, rank][:, None]
    return torch.zeros_like(x, dtype=torch.float32).index_add(0, token, out).to(x.dtype)
