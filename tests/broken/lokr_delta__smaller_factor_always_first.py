"""The Kronecker product takes the smaller factor first, also where C is the larger."""

import torch


def lokr_delta(C, A, B, *, alpha):
    work = torch.float64 if C.dtype == torch.float64 else torch.float32
    product = B.to(work) @ A.to(work)
    pair = (C.to(work), product) if C.numel() <= product.numel() else (product, C.to(work))
    return (alpha / A.shape[0] * torch.kron(*(t.contiguous() for t in pair))).to(C.dtype)
