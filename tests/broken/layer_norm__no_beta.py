"""beta is left out."""

import torch

MISTAKE = "layer_norm.beta-missing"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y - mean).square().mean(-1, keepdim=True)
    y = (y - mean) / torch.sqrt(variance + eps)
    return (y * gamma + 0 * beta).to(x.dtype)
