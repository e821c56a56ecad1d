"""The number of experts is forgotten, so that an even load costs 1 / N."""

import torch

MISTAKE = "load_balancing_loss.factor-missing"


def load_balancing_loss(probs, indices):
    f = torch.bincount(indices, minlength=probs.shape[1]).float() / len(indices)
    return (f.to(probs.dtype) * probs.mean(0)).sum()
