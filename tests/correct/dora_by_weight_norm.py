"""DoRA as PyTorch's weight normalisation of the merged weight."""

import torch
import torch.nn.functional as F


def merged(W0, A, B, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    return torch.addmm(W0.to(wide), B.to(wide), A.to(wide), alpha=alpha / A.shape[0])


def dora_merge(W0, A, B, magnitude, *, alpha):
    v = merged(W0, A, B, alpha)
    return torch._weight_norm(v, magnitude.to(v.dtype)[:, None], 0).to(W0.dtype)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    v = merged(W0, A, B, alpha)
    return F.linear(x.to(v.dtype), torch._weight_norm(v, magnitude.to(v)[:, None], 0)).to(x.dtype)


def lora_merge(W0, A, B, *, alpha):
    return merged(W0, A, B, alpha).to(W0.dtype)
