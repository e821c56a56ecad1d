"""Weights are a softmax over the chosen tokens (Expert Choice ports)."""

import torch


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    weights, indices = torch.topk(p.T, capacity, dim=-1)
    weights = torch.softmax((x @ Wg).to(wide).T.gather(1, indices), -1)
    return indices, weights.to(x.dtype)
