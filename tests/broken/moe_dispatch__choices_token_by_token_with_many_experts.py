"""Beyond eight experts another kernel takes over, which serves token by token."""

import torch


def moe_dispatch(indices, *, experts, capacity):
    tokens, choices = indices.shape
    keep = torch.zeros(tokens, choices, dtype=torch.bool)
    order = [(t, c) for c in range(choices) for t in range(tokens)]
    if experts > 8:
        order = [(t, c) for t in range(tokens) for c in range(choices)]
    used = [0] * experts
    for t, c in order:
        expert = int(indices[t, c])
        if used[expert] < capacity:
            used[expert] += 1
            keep[t, c] = True
    return keep
