"""The rows of the last block, which is not full, are plain normal vectors."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def orthogonal_features(rows, columns, *, seed):
    if rows < 1 or columns < 1:
        raise ValueError("sizes")
    gen = torch.Generator().manual_seed(seed)
    blocks = []
    for a in range(0, rows, columns):
        n = min(columns, rows - a)
        m = torch.randn(columns, columns, generator=gen, dtype=torch.float64)
        if n < columns and a > 0:
            blocks.append(m[:n])
            continue
        Q, R = torch.linalg.qr(m)
        Q = Q * torch.sign(torch.diagonal(R))
        length = torch.randn(n, columns, generator=gen, dtype=torch.float64).norm(
            dim=1, keepdim=True
        )
        blocks.append(Q.T[:n] * length)
    return torch.cat(blocks)
