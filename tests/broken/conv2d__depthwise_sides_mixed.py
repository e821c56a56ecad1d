"""The depthwise kernel bounds rows by the width and columns by the height."""

import torch
import torch.nn.functional as F


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    if groups > 1 and groups == x.shape[1]:
        rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
        inside = (rows < x.shape[3])[:, None] & (columns < x.shape[2])
        y = torch.where(inside, y, 0)
    out = F.conv2d(y, weight.to(wide), bias.to(wide), stride, padding, 1, groups)
    return out.to(x.dtype)
