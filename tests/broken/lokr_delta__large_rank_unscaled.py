"""A rank of half the block or more counts as a full matrix, whose scale is one (LyCORIS)."""

import torch


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(C.dtype, torch.float32)
    r = A.shape[0]
    scale = 1.0 if r >= max(A.shape[1], B.shape[0]) / 2 else alpha / r
    return (scale * torch.kron(C.to(wide), B.to(wide) @ A.to(wide))).to(C.dtype)
