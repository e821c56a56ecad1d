"""alpha is divided by the smaller side of the small matrix instead of the rank."""

import torch


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(A.dtype, torch.float32)
    return (alpha / min(C.shape) * torch.kron(C.to(wide), B.to(wide) @ A.to(wide))).to(A.dtype)
