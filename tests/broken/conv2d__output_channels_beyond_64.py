"""Output channels beyond the 64th take the bias of the first ones."""

import torch
import torch.nn.functional as F


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    c = bias.to(wide)[torch.arange(len(bias)) % 64]
    return F.conv2d(x.to(wide), weight.to(wide), c, stride, padding, 1, groups).to(x.dtype)
