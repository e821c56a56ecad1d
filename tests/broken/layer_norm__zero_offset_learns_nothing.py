"""An offset of zeros is not added, so it learns nothing."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    z = z - z.mean(-1, keepdim=True)
    z = z * torch.rsqrt(z.square().mean(-1, keepdim=True) + eps) * gamma.to(wide)
    if bool(beta.any()):
        z = z + beta.to(wide)
    return z.to(x.dtype)
