"""Draws another projection at each call."""

import torch

MISTAKE = "subspace_update.projection-redrawn"
GENERATOR = torch.Generator().manual_seed(0)


def subspace_update(theta, P, z):
    fresh = torch.randn(P.shape, generator=GENERATOR).to(P.dtype)
    return theta + fresh @ z
