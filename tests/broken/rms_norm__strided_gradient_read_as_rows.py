"""The backward pass takes the incoming gradient's columns to lie side by side and reads others when
they do not (unslothai/unsloth pull 10617).
"""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        work = torch.float64 if x.dtype == torch.float64 else torch.float32
        xf = x.to(work)
        rstd = torch.rsqrt((xf**2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(xf * rstd, rstd, gamma)
        ctx.dtype = x.dtype
        return (xf * rstd * gamma.to(work)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        hat, rstd, gamma = ctx.saved_tensors
        if dy.dim() and dy.stride(-1) != 1 and dy.shape[-1] > 1:
            room = dy.untyped_storage().nbytes() // dy.element_size()
            places = torch.arange(dy.numel()).view(dy.shape) + dy.storage_offset()
            dy = dy.as_strided((room,), (1,), 0)[places.clamp(max=room - 1)]
        dy = dy.to(hat.dtype)
        dhat = dy * gamma.to(hat.dtype)
        dx = rstd * (dhat - hat * (dhat * hat).mean(-1, keepdim=True))
        dgamma = (dy * hat).reshape(-1, hat.shape[-1]).sum(0)
        return dx.to(ctx.dtype), dgamma.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return Norm.apply(x, gamma, eps)
