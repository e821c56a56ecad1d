"""Each rank of choices is counted from zero again, so that an expert can get twice its capacity."""

import torch

MISTAKE = "moe_dispatch.ranks-apart"


def moe_dispatch(indices, *, experts, capacity):
    hot = torch.nn.functional.one_hot(indices, experts)
    place = ((hot.cumsum(0) - 1) * hot).sum(-1)
    return place < capacity
