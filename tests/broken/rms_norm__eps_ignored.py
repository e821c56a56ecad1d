"""Takes an eps and uses 1e-6."""

import torch

MISTAKE = "rms_norm.eps-fixed"


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y / torch.sqrt(y.square().mean(-1, keepdim=True) + 1e-6)
    return (y * gamma).to(x.dtype)
