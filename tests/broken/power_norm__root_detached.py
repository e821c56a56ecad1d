"""The statistics count as constants in the backward pass, as running ones would."""

import torch


def power_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    with torch.no_grad():
        root = torch.rsqrt(y.square().mean((0, 1), keepdim=True) + eps)
    return (y * root * gamma + beta).to(x.dtype)
