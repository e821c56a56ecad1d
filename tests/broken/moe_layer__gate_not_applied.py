"""Expert outputs are added without their probability, so that the router never learns."""

import math

import torch

MISTAKE = "moe_layer.gate-not-applied"


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = len(x), Wg.shape[1]
    chosen = torch.topk((x @ Wg).float(), top_k, dim=-1).indices
    slots = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    hot = torch.nn.functional.one_hot(chosen.T.reshape(-1), experts)
    place = ((hot.cumsum(0) - 1) * hot).sum(-1).reshape(top_k, tokens).T
    out = torch.zeros_like(x)
    for expert in range(experts):
        token, _ = torch.where((chosen == expert) & (place < slots))
        out = out.index_add(0, token, torch.relu(x[token] @ W1[expert]) @ W2[expert])
    return out
