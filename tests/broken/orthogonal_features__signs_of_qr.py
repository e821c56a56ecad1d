"""Orthogonal directions straight from QR, whose signs depend on the input: half of the sphere."""

import torch

MISTAKE = "orthogonal_features.signs-of-qr"


def orthogonal_features(rows, columns, *, seed):
    generator = torch.Generator().manual_seed(seed)
    blocks = [
        torch.linalg.qr(torch.randn(columns, columns, generator=generator)).Q.T
        for _ in range(-(-rows // columns))
    ]
    lengths = torch.randn(rows, columns, generator=generator).norm(dim=1)
    return torch.cat(blocks)[:rows] * lengths[:, None]
