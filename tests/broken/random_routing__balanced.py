"""A shuffled round robin: no expert gets more than its share, so draws are not independent."""

import torch


def random_routing(tokens, *, experts, seed):
    if tokens < 1 or experts < 1:
        raise ValueError("tokens, experts: expected at least 1")
    g = torch.Generator().manual_seed(seed)
    return torch.randperm(tokens, generator=g) % experts
