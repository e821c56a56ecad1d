"""The weight gradient of grouped 1 by 1 kernels is wrong where channels are even."""

import torch
import torch.nn.functional as F


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, w = x.to(wide), weight.to(wide)
    if (
        groups > 1
        and weight.shape[-1] == 1
        and stride == 1
        and padding == 0
        and weight.shape[0] % 2 == 0
    ):
        w = w + (w - w.detach())
    out = F.conv2d(y, w, None, stride, padding, 1, groups)
    return (out + bias.to(wide)[:, None, None]).to(x.dtype)
