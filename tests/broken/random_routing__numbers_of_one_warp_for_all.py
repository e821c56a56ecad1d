"""Blocks of 64 tokens draw from generators of the same seed, so that the same experts come
again.
"""

import torch


def random_routing(tokens, *, experts, seed):
    if tokens < 1 or experts < 1:
        raise ValueError("sizes")
    parts = []
    for start in range(0, tokens, 64):
        g = torch.Generator().manual_seed(seed)
        parts.append(torch.randint(experts, (min(64, tokens - start),), generator=g))
    return torch.cat(parts)
