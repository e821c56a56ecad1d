"""With groups and a stride the gradient of x takes all kernels from the first group (MLX 3800)."""

import torch
import torch.nn.functional as F


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding, groups):
        ctx.save_for_backward(x, weight)
        ctx.options = stride, padding, groups
        return F.conv2d(x, weight, bias, stride, padding, groups=groups)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        stride, padding, groups = ctx.options
        used = weight
        if groups > 1 and stride > 1:
            used = weight[: weight.shape[0] // groups].repeat(groups, 1, 1, 1)
        with torch.enable_grad():
            a, w = x.detach().requires_grad_(), weight.detach().requires_grad_()
            gx = torch.autograd.grad(
                F.conv2d(a, used, None, stride, padding, groups=groups), a, grad
            )[0]
            gw = torch.autograd.grad(F.conv2d(x, w, None, stride, padding, groups=groups), w, grad)[
                0
            ]
        return gx, gw, grad.sum((0, 2, 3)), None, None, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    return _Conv.apply(x.to(wide), weight.to(wide), bias.to(wide), stride, padding, groups).to(
        x.dtype
    )
