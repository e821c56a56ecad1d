"""The backward pass sums the bias's gradient over places but reads the first image alone."""

import torch
import torch.nn.functional as F


class Bias(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y, bias):
        return y + bias[:, None, None]

    @staticmethod
    def backward(ctx, g):
        return g, g[0].sum((1, 2))


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = F.conv2d(x.to(wide), weight.to(wide), None, stride, padding, 1, groups)
    return Bias.apply(y, bias.to(wide)).to(x.dtype)
