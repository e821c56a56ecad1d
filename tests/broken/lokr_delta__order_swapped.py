"""The large factor stands first."""

import torch

MISTAKE = "lokr_delta.order-swapped"


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(C.dtype, torch.float32)
    c, block = C.to(wide).clone(memory_format=torch.contiguous_format), B.to(wide) @ A.to(wide)
    s = alpha / A.shape[0]
    return (s * torch.kron(block, c)).to(C.dtype)
