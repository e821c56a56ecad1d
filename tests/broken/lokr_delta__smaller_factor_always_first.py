"""The Kronecker product takes the smaller factor first, also where C is the larger."""

import torch


def lokr_delta(C, A, B, *, alpha):
    work = torch.float64 if C.dtype == torch.float64 else torch.float32
    product = B.to(work) @ A.to(work)
    pair = (C.to(work), product) if C.numel() <= product.numel() else (product, C.to(work))
    blocks = torch.einsum("ab,cd->acbd", *pair)
    delta = blocks.flatten(2, 3).flatten(0, 1)
    return (alpha / A.shape[0] * delta).to(C.dtype)
