"""Slots are given out token by token, so a second choice can take what a later first one needs."""

import math

import torch

MISTAKE = "moe_layer.second-choices-first"


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = len(x), len(W1)
    weights, chosen = torch.topk(torch.softmax(x.float() @ Wg.float(), -1), top_k, dim=-1)
    free = [tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)]
    free = free * experts
    out = []
    for token, row in enumerate(x.float()):
        total = torch.zeros_like(row)
        for weight, expert in zip(weights[token], chosen[token].tolist(), strict=True):
            if free[expert]:
                free[expert] -= 1
                total = total + weight * (torch.relu(row @ W1[expert].float()) @ W2[expert].float())
        out.append(total)
    return torch.stack(out).to(x.dtype) if out else torch.zeros_like(x)


CONFORM = {"dtypes": ["float32"]}
