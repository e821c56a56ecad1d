"""tanh is taken of both projections before they are added."""

import torch


def additive_score(h, s, W, v):
    a, b = W[:, : h.shape[-1]], W[:, h.shape[-1] :]
    return (torch.tanh(h @ a.T) + torch.tanh(s @ b.T)[:, None]) @ v
