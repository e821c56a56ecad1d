"""eps is added to the root, not under it."""

import torch

MISTAKE = "rms_norm.eps-outside"


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y / (torch.sqrt(y.square().mean(-1, keepdim=True)) + eps)
    return (y * gamma).to(x.dtype)
