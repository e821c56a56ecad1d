"""All rows have the length sqrt(columns)."""

import math

import torch


def orthogonal_features(rows, columns, *, seed):
    g = torch.Generator().manual_seed(seed)
    blocks = -(-rows // columns)
    Q, R = torch.linalg.qr(torch.randn(blocks, columns, columns, generator=g, dtype=torch.float64))
    Q = Q * torch.sign(torch.diagonal(R, dim1=-2, dim2=-1))[:, None]
    return Q.mT.reshape(-1, columns)[:rows] * math.sqrt(columns)
