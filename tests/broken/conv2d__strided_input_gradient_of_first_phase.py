"""With a stride only the first phase of the input gets its gradient (ROCm/rocm-libraries #7732)."""

import torch
import torch.nn.functional as F


class Phase(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, stride, padding):
        ctx.step = stride, padding
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        s, p = ctx.step
        rows = (torch.arange(grad.shape[2]) + p) % s == 0
        cols = (torch.arange(grad.shape[3]) + p) % s == 0
        return grad * (rows[:, None] & cols[None, :]), None, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    if stride > 1 and groups == 1:
        h = Phase.apply(h, stride, padding)
    return F.conv2d(h, weight.to(wide), bias.to(wide), stride, padding, 1, groups).to(x.dtype)
