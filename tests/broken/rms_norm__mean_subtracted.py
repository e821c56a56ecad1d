"""The mean is subtracted as in layer norm."""

import torch

MISTAKE = "rms_norm.mean-subtracted"


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y - y.mean(-1, keepdim=True)
    y = y / torch.sqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * gamma).to(x.dtype)
