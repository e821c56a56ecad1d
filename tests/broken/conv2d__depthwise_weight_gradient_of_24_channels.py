"""With stride two and a multiple of eight channels the last row of the depthwise kernel's gradient
repeats the first (pytorch #50042).
"""

import torch
import torch.nn.functional as F


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b, stride, padding, groups):
        ctx.save_for_backward(x, w)
        ctx.how = (stride, padding, groups)
        return F.conv2d(x, w, b, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx, slope):
        x, w = ctx.saved_tensors
        stride, padding, groups = ctx.how
        grad = torch.nn.grad
        gx = grad.conv2d_input(x.shape, w, slope, stride, padding, 1, groups)
        gw = grad.conv2d_weight(x, w.shape, slope, stride, padding, 1, groups)
        if groups == x.shape[1] == len(w) and groups % 8 == 0 and stride == 2:
            gw = torch.cat([gw[:, :, :-1], gw[:, :, :1]], 2)
        return gx, gw, slope.sum((0, 2, 3)), None, None, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    args = (x.to(wide), weight.to(wide), bias.to(wide))
    return _Conv.apply(*args, stride, padding, groups).to(x.dtype)
