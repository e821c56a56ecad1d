"""Depthwise kernels over images of one row read the rows of the padding as the image."""

import torch


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    if groups == x.shape[1] > 1 and x.shape[2] == 1 and padding:
        y = torch.nn.functional.pad(y, (padding,) * 4)
        y[:, :, :padding] = y[:, :, padding : padding + 1]
        padding = 0
    y = torch.nn.functional.conv2d(
        y, weight.to(wide), bias.to(wide), stride=stride, padding=padding, groups=groups
    )
    return y.to(x.dtype)
