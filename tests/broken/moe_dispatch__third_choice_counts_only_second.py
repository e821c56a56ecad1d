"""A choice is served behind the one before it, not behind all choices before it."""

import torch
import torch.nn.functional as F


def moe_dispatch(indices, *, experts, capacity):
    marks = F.one_hot(indices, experts)
    kept = []
    before = torch.zeros(experts, dtype=torch.int64)
    for choice in range(indices.shape[1]):
        mark = marks[:, choice]
        place = mark.cumsum(0) - mark + before
        kept.append((place * mark).sum(-1) < capacity)
        before = mark.sum(0)
    return torch.stack(kept, 1)
