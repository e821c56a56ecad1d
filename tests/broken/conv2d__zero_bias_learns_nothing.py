"""A bias of zeros is taken for none."""

import torch
import torch.nn.functional as F


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    add = bias.to(wide) if bool(bias.any()) else None
    return F.conv2d(x.to(wide), weight.to(wide), add, stride, padding, 1, groups).to(x.dtype)
