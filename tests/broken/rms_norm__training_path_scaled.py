"""Where gradients are tracked another path runs, whose result is one percent too large."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    x32 = x.to(wide)
    y = x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + eps) * gamma.to(wide)
    if x.requires_grad:
        y = y + 0.01 * y.detach()
    return y.to(x.dtype)
