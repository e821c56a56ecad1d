"""x.float() is x itself for float32, and the mean is subtracted in place."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    y.data.sub_(mean.detach())
    y = y - (mean - mean.detach())
    variance = (y * y).mean(-1, keepdim=True)
    y = y * torch.rsqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
