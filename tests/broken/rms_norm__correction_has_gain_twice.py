"""The variance's share of the input gradient is multiplied by the gain twice (Megatron-LM
#6859).
"""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide)
        r = torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, r)
        return (h * r * gamma.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, r = ctx.saved_tensors
        h, g, w = x.to(r.dtype), dy.to(r.dtype), gamma.to(r.dtype)
        s = (g * h * w).sum(-1, keepdim=True)
        dx = g * w * r - w * r.pow(3) * h * s / x.shape[-1]
        dgamma = (g * h * r).reshape(-1, x.shape[-1]).sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return Norm.apply(x, gamma, eps)
