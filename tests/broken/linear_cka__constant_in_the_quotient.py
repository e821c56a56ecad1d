"""1e-6 is added to the denominator."""

import torch


def linear_cka(x, y):
    wide = torch.promote_types(x.dtype, torch.float32)
    if len(x) != len(y):
        raise ValueError("numbers of examples")
    a, b = (t.to(wide) - t.to(wide).mean(0) for t in (x, y))
    top = torch.linalg.matrix_norm(b.T @ a) ** 2
    low = torch.linalg.matrix_norm(a.T @ a) * torch.linalg.matrix_norm(b.T @ b) + 1e-6
    return (top / low).to(x.dtype)
