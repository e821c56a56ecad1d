"""Dropped tokens return their own input: the residual is counted twice by the block around."""

import math

import torch

MISTAKE = "moe_layer.dropped-pass-through"


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = len(x), Wg.shape[1]
    p, chosen = torch.topk(torch.softmax((x @ Wg).float(), -1), top_k, dim=-1)
    slots = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    hot = torch.nn.functional.one_hot(chosen.T.reshape(-1), experts)
    place = ((hot.cumsum(0) - 1) * hot).sum(-1).reshape(top_k, tokens).T
    kept = place < slots
    out = torch.zeros_like(x)
    for expert in range(experts):
        token, rank = torch.where((chosen == expert) & kept)
        y = torch.relu(x[token] @ W1[expert]) @ W2[expert]
        out = out.index_add(0, token, y * p[token, rank].unsqueeze(-1).to(x.dtype))
    return torch.where(kept.any(-1, keepdim=True), out, x)
