"""eps is added to the standard deviation."""

import torch

MISTAKE = "layer_norm.eps-outside"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y - mean).square().mean(-1, keepdim=True)
    y = (y - mean) / (torch.sqrt(variance + 1e-30) + eps)
    return (y * gamma + beta).to(x.dtype)
