"""The stream's gradient is added to the result's before the norm's derivative, not after it."""

import torch


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, gamma, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        stream = x.to(wide) + residual.to(wide)
        root = torch.rsqrt(stream.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(stream, root, gamma)
        ctx.types = x.dtype, residual.dtype
        return (stream * root * gamma.to(wide)).to(x.dtype), stream.to(x.dtype)

    @staticmethod
    def backward(ctx, g, gstream):
        stream, root, gamma = ctx.saved_tensors
        wide = stream.dtype
        late = gstream.to(wide)
        g, gstream = g.to(wide) + gstream.to(wide), 0
        hat = stream * root
        w = g * gamma.to(wide)
        d = root * (w - hat * (w * hat).mean(-1, keepdim=True)) + gstream
        dgamma = ((g - late) * hat).flatten(0, -2).sum(0).to(gamma.dtype)
        return d.to(ctx.types[0]), d.to(ctx.types[1]), dgamma, None


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    return Fused.apply(x, residual, gamma, eps)
