"""sglang: the counting pass leaves out the last expert, which then has no capacity at all."""

import math

import torch


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = len(x), Wg.shape[1]
    work = torch.promote_types(x.dtype, torch.float32)
    y = x.to(work)
    probs = torch.softmax(y @ Wg.to(work), -1)
    weights, chosen = probs.topk(top_k, -1)
    order = chosen.T.reshape(-1)
    rank = torch.zeros_like(order)
    for e in range(experts - 1):
        own = order == e
        rank[own] = torch.arange(int(own.sum()))
    slots = (
        tokens * top_k if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    )
    kept = (rank < slots).reshape(top_k, tokens).T
    flat = torch.where(kept, chosen, -1)
    parts = torch.zeros(tokens, top_k, x.shape[1], dtype=work)
    for e in range(experts):
        at, which = torch.nonzero(flat == e, as_tuple=True)
        if len(at):
            out = torch.relu(y[at] @ W1[e].to(work)) @ W2[e].to(work)
            parts = parts.index_put((at, which), out)
    return (parts * weights.unsqueeze(-1)).sum(1).to(x.dtype)
