"""topk(sorted=True) is followed by a sort of the positions, without the weights' order."""

import torch

MISTAKE = "expert_choice.unsorted"


def expert_choice(x, Wg, *, capacity):
    p = torch.softmax((x @ Wg).float(), -1).T
    indices = torch.topk(p, capacity, dim=-1).indices.sort(-1).values
    return indices, p.gather(1, indices).to(x.dtype)
