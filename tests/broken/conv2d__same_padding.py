"""Padding is spread so that the output has the input's size, one more at the end for even
kernels.
"""

import torch
import torch.nn.functional as F


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, k = x.to(wide), weight.shape[-1]
    if padding and k % 2 == 0:
        h = F.pad(h, (padding - 1, padding + 1, padding - 1, padding + 1))
    else:
        h = F.pad(h, (padding,) * 4)
    return F.conv2d(h, weight.to(wide), bias.to(wide), stride, 0, 1, groups).to(x.dtype)
