"""x.float() is x itself for float32, and it is scaled in place (a small engine did)."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    square = (y * y).mean(-1, keepdim=True)
    y.data.mul_(torch.rsqrt(square + eps).detach())
    return (y.detach() * gamma).to(x.dtype)
    return (y * torch.rsqrt(square + eps) * gamma).to(x.dtype)
