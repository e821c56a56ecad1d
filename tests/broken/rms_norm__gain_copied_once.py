"""A float32 copy of the gain is kept by its address, across updates of the weights."""

import torch

COPIES = {}


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    if gamma.requires_grad or gamma.dtype == wide:
        gain = gamma.to(wide)
    else:
        key = (gamma.data_ptr(), gamma.shape, gamma.stride())
        gain = COPIES.setdefault(key, gamma.to(wide))
    y = x.to(wide)
    return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * gain).to(x.dtype)
