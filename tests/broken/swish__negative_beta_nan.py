"""The safe form is chosen by the sign of x; a negative beta makes it the unsafe one."""

import torch


def swish(x, *, beta=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    high = 1 / (1 + torch.exp(-beta * z.clamp(min=0)))
    e = torch.exp(beta * z.clamp(max=0))
    return (z * torch.where(z >= 0, high, e / (1 + e))).to(x.dtype)
