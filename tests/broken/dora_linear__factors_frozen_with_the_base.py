"""A base weight without a gradient also stops the gradient of the factors."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def dora_linear(x, W0, A, B, magnitude, *, alpha=16):
    delta = (alpha / A.shape[0]) * (up(B) @ up(A))
    W = up(W0) + (delta if W0.requires_grad else delta.detach())
    norm = W.norm(dim=1).detach()
    return ((up(x) @ W.mT) * (up(magnitude) / norm)).to(x.dtype)
