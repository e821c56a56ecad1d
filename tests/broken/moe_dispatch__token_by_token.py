"""The running count goes over [T, k] row by row: a second choice beats a later token's first."""

import torch

CONVENTION = "routing_order=token_major"


def moe_dispatch(indices, *, experts, capacity):
    hot = torch.nn.functional.one_hot(indices.reshape(-1), experts)
    place = ((hot.cumsum(0) - 1) * hot).sum(-1)
    return (place < capacity).reshape(indices.shape)
