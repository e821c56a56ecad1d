"""eps is left out: a constant row gives NaN."""

import torch

MISTAKE = "layer_norm.eps-missing"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y - mean).square().mean(-1, keepdim=True)
    y = (y - mean) / torch.sqrt(variance)
    return (y * gamma + beta).to(x.dtype)
