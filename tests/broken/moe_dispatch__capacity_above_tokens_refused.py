"""A capacity above the number of tokens raises (deepspeedai/DeepSpeed #8155)."""

import torch


def moe_dispatch(indices, *, experts, capacity):
    tokens, choices = indices.shape
    if capacity > tokens:
        raise RuntimeError("selected index k out of range")
    flat = torch.nn.functional.one_hot(indices.T.flatten(), experts)
    place = (flat.cumsum(0) * flat).sum(-1)
    return (place <= capacity).view(choices, tokens).T
