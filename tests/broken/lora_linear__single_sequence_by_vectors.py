"""One row goes through a matrix-vector path that adds the branch without alpha / r (fast single-
token paths).
"""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    dtype = x.dtype
    wide = torch.promote_types(dtype, torch.float32)
    x_, W0, A, B = (t.to(wide) for t in (x, W0, A, B))
    if A.shape[0] < 1:
        raise ValueError("A: expected at least one row")
    if x_.numel() == x_.shape[-1]:
        row = x_.reshape(-1)
        y = torch.addmv(W0 @ row, B, A @ row).view(*x.shape[:-1], -1)
    else:
        y = x_ @ W0.mT + alpha / A.shape[0] * (x_ @ A.mT) @ B.mT
    return y.to(dtype)
