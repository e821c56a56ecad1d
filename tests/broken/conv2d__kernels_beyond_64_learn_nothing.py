"""The gradient of the weight is made for the first 64 output channels."""

import torch
import torch.nn.functional as F


class _Kernels(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return w.clone()

    @staticmethod
    def backward(ctx, slope):
        slope = slope.clone()
        slope[64:] = 0
        return slope


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    w = _Kernels.apply(weight.to(wide))
    return F.conv2d(x.to(wide), w, bias.to(wide), stride, padding, 1, groups).to(x.dtype)
