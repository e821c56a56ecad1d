"""No gradient reaches gamma, though it is declared."""

import torch

CONFORM = {"operators": {"rms_norm": {"differentiable": True}}}


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y / torch.sqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * gamma.detach()).to(x.dtype)
