"""Block i is drawn from seed + i, and so is block i - 1 of the next seed."""

import torch


def orthogonal_features(rows, columns, *, seed):
    if rows < 1 or columns < 1:
        raise ValueError("size")
    out = []
    for i in range(rows):
        if i % columns == 0:
            g = torch.Generator().manual_seed(seed + i // columns)
            q, r = torch.linalg.qr(torch.randn(columns, columns, generator=g, dtype=torch.float64))
            q = (q * r.diagonal().sign()).T
        n = torch.randn(columns, generator=g, dtype=torch.float64).norm()
        out.append(q[i % columns] * n)
    return torch.stack(out)
