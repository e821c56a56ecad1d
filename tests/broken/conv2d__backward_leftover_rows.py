"""Where the stride leaves pixels over, the gradient of the kernel is refused."""

import torch
import torch.nn.functional as F


class Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, stride, padding, groups):
        ctx.save_for_backward(x, weight)
        ctx.rest = stride, padding, groups
        return F.conv2d(x, weight, None, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx, up):
        x, weight = ctx.saved_tensors
        stride, padding, groups = ctx.rest
        if any((n + 2 * padding - weight.shape[-1]) % stride for n in x.shape[2:]):
            raise RuntimeError(
                f"operands could not be broadcast together with shapes {tuple(x.shape)}"
            )
        dx = torch.nn.grad.conv2d_input(x.shape, weight, up, stride, padding, 1, groups)
        dw = torch.nn.grad.conv2d_weight(x, weight.shape, up, stride, padding, 1, groups)
        return dx, dw, None, None, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    out = Convolution.apply(x.to(wide), weight.to(wide), stride, padding, groups)
    return (out + bias.to(wide)[:, None, None]).to(x.dtype)
