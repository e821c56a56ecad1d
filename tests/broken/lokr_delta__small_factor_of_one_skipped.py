"""Where the Kronecker factor is a single number the product is skipped, and the number with it."""

import torch


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(A.dtype, torch.float32)
    scale = alpha / A.shape[0]
    block = scale * (B.to(wide) @ A.to(wide))
    if C.numel() == 1:
        return block.to(A.dtype)
    return torch.kron(C.to(wide), block).to(A.dtype)
