"""Experts without a token are left out of the factor N, as a count of the unique indices does."""

import torch
import torch.nn.functional as F


def load_balancing_loss(probs, indices):
    wide = torch.promote_types(probs.dtype, torch.float32)
    chosen = F.one_hot(indices, probs.shape[1]).to(wide)
    n = indices.unique().numel()
    return (n * (chosen.mean(0) * probs.to(wide).mean(0)).sum()).to(probs.dtype)
