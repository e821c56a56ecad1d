"""The mean of squares is that of the first 1024 tokens."""

import torch


def power_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    root = torch.rsqrt(y.flatten(0, 1)[:1024].square().mean(0) + eps)
    return (y * root * gamma + beta).to(x.dtype)
