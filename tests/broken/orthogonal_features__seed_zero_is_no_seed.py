"""`if seed:` takes 0 for no seed and draws from the global generator."""

import torch


def orthogonal_features(rows, columns, *, seed):
    if rows < 1 or columns < 1:
        raise ValueError(f"rows={rows}, columns={columns}")
    g = torch.Generator()
    if seed:
        g.manual_seed(seed)
    else:
        g.seed()
    blocks = []
    for _ in range(-(-rows // columns)):
        a = torch.randn(columns, columns, generator=g, dtype=torch.float64)
        qm, r = torch.linalg.qr(a)
        blocks.append((qm * torch.sign(r.diagonal())).T)
    lengths = torch.randn(rows, columns, generator=g, dtype=torch.float64).norm(dim=1, keepdim=True)
    return torch.cat(blocks)[:rows] * lengths
