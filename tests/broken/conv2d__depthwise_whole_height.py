"""Depthwise kernels as high as the image are wrong for more than one image, in float32 alone."""

import torch


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    tall = groups == x.shape[1] > 1 and padding == 0 and weight.shape[-1] == x.shape[2]
    y = torch.nn.functional.conv2d(
        x.to(wide), weight.to(wide), bias.to(wide), stride=stride, padding=padding, groups=groups
    )
    if tall and x.shape[0] > 1 and x.dtype == torch.float32:
        y = torch.cat([y[:1], y[:1].expand(len(y) - 1, -1, -1, -1)])
    return y.to(x.dtype)
