"""Reads the incoming gradient as if its last stride were 1."""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gain, eps):
        wide = x.float() if x.dtype != torch.float64 else x
        rstd = (wide.square().mean(-1, keepdim=True) + eps).rsqrt()
        ctx.save_for_backward(wide, gain, rstd)
        return (wide * rstd * gain).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gain, rstd = ctx.saved_tensors
        if dy.dim() > 1 and dy.stride(-1) != 1 and dy.shape[-1] > 1:
            size = [*dy.shape]
            stride = [*dy.stride()[:-1], 1]
            need = (
                sum((n - 1) * s for n, s in zip(size, stride, strict=True))
                + 1
                + dy.storage_offset()
            )
            if need <= dy.untyped_storage().size() // dy.element_size():
                dy = dy.as_strided(size, stride, dy.storage_offset())
        g = dy.to(x.dtype) * gain.to(x.dtype)
        xh = x * rstd
        dx = rstd * (g - xh * (g * xh).mean(-1, keepdim=True))
        dg = (dy.to(x.dtype) * xh).flatten(0, -2).sum(0) if dy.dim() > 1 else dy.to(x.dtype) * xh
        return dx.to(dy.dtype), dg.to(gain.dtype), None


def rms_norm(x, gamma, eps=1e-6):
    return Norm.apply(x, gamma, eps)
