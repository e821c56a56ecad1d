"""Statistics over B only."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y - y.mean(0)
    y = y / torch.sqrt(y.square().mean(0) + eps)
    return (y * gamma + beta).to(x.dtype)
