"""The squares are read with the stride of the columns, the values that are scaled without it."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    rstd = torch.rsqrt(x.to(wide).square().mean(-1, keepdim=True) + eps)
    read = x
    if x.dim() > 1 and x.shape[-1] > 1 and x.stride(-1) > 1:
        strides = (*x.stride()[:-1], 1)
        read = x.as_strided(x.shape, strides)
    return (read.to(wide) * rstd * gamma).to(x.dtype)
