"""With more features than examples the Gram matrices are used, of features that are not centred."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def linear_cka(x, y):
    d = up(x, y)
    a, b = (x.to(d), y.to(d))
    if max(a.shape[1], b.shape[1]) > a.shape[0]:
        K, L = (a @ a.T, b @ b.T)
        n = K.norm() * L.norm()
        return torch.where(n > 0, (K * L).sum() / torch.where(n > 0, n, 1.0), 0.0).to(x.dtype)
    a, b = (a - a.mean(0), b - b.mean(0))
    n = (a.T @ a).norm() * (b.T @ b).norm()
    return torch.where(n > 0, (b.T @ a).square().sum() / torch.where(n > 0, n, 1.0), 0.0).to(
        x.dtype
    )
