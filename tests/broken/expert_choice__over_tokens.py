"""The softmax runs over the tokens, the axis that the experts choose from."""

import torch

MISTAKE = "expert_choice.over-tokens"


def expert_choice(x, Wg, *, capacity):
    p = torch.softmax((x @ Wg).float(), 0)
    weights, indices = torch.topk(p.T, capacity, dim=-1)
    return indices, weights.to(x.dtype)
