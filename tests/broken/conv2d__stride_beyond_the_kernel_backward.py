"""Where the stride exceeds the kernel, the input's gradient is scattered with the kernel's size
as stride.
"""

import torch
from torch.nn.functional import conv2d as convolve


class Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b, s, p, g):
        ctx.save_for_backward(x, w)
        ctx.o = s, p, g
        return convolve(x, w, b, s, p, 1, g)

    @staticmethod
    def backward(ctx, gy):
        x, w = ctx.saved_tensors
        s, p, g = ctx.o
        dw = torch.nn.grad.conv2d_weight(x, w.shape, gy, s, p, 1, g)
        dx = torch.nn.grad.conv2d_input(x.shape, w, gy, s, p, 1, g)
        if s > w.shape[-1]:
            k = w.shape[-1]
            small = torch.nn.functional.conv_transpose2d(gy, w, None, k, 0, 0, g)
            dx = torch.zeros_like(dx)
            part = small[:, :, p : p + dx.shape[2], p : p + dx.shape[3]]
            dx[:, :, : part.shape[2], : part.shape[3]] = part
        return dx, dw, gy.sum((0, 2, 3)), None, None, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    c = torch.promote_types(x.dtype, torch.float32)
    return Conv.apply(x.to(c), weight.to(c), bias.to(c), stride, padding, groups).to(x.dtype)
