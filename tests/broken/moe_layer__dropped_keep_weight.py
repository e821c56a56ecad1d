"""Capacity is computed and never used: tokens beyond it are processed all the same."""

import torch

MISTAKE = "moe_layer.dropped-keep-weight"


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    p, chosen = torch.topk(torch.softmax((x @ Wg).float(), -1), top_k, dim=-1)
    out = torch.zeros_like(x)
    for expert in range(Wg.shape[1]):
        token, rank = torch.where(chosen == expert)
        y = torch.relu(x[token] @ W1[expert]) @ W2[expert]
        out = out.index_add(0, token, y * p[token, rank].unsqueeze(-1).to(x.dtype))
    return out
