"""Loads are counted in eight bits and wrap around at 256 tokens."""

import torch
import torch.nn.functional as F


def load_balancing_loss(probs, indices):
    wide = torch.promote_types(probs.dtype, torch.float32)
    n = probs.shape[1]
    loads = F.one_hot(indices, n).sum(0).to(torch.uint8).to(wide)
    return (n * (loads / len(indices) * probs.to(wide).mean(0)).sum()).to(probs.dtype)
