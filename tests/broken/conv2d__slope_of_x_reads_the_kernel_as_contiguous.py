"""The gradient of the input reads a transposed kernel as if it were contiguous (candle #3735)."""

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
        seen = w
        if w.numel() and all(s > 0 for s in w.stride()):
            seen = w.as_strided(w.shape, torch.empty(w.shape, device="meta").stride())
        grad = torch.nn.grad
        gx = grad.conv2d_input(x.shape, seen.contiguous(), slope, stride, padding, 1, groups)
        gw = grad.conv2d_weight(x, w.shape, slope, stride, padding, 1, groups)
        return gx, gw, slope.sum((0, 2, 3)), None, None, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    w = weight if weight.dtype == wide else weight.to(wide)
    y = _Conv.apply(x.to(wide), w, bias.to(wide), stride, padding, groups)
    return y.to(x.dtype)
