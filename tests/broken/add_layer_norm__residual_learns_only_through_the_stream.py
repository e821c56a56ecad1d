"""When the stream is not used further the residual gets no gradient."""

import torch


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        ctx.set_materialize_grads(False)
        stream = x.to(wide) + residual.to(wide)
        centred = stream - stream.mean(-1, keepdim=True)
        root = torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(centred * root, root, gamma, beta)
        ctx.types = x.dtype, residual.dtype
        return (centred * root * gamma.to(wide) + beta.to(wide)).to(x.dtype), stream.to(x.dtype)

    @staticmethod
    def backward(ctx, g, gstream):
        hat, root, gamma, beta = ctx.saved_tensors
        wide = hat.dtype
        g = torch.zeros_like(hat) if g is None else g.to(wide)
        w = g * gamma.to(wide)
        d = root * (w - w.mean(-1, keepdim=True) - hat * (w * hat).mean(-1, keepdim=True))
        if gstream is not None:
            d = d + gstream.to(wide)
        dr = d if gstream is not None else torch.zeros_like(d)
        dgamma = (g * hat).flatten(0, -2).sum(0).to(gamma.dtype)
        dbeta = g.flatten(0, -2).sum(0).to(beta.dtype)
        return d.to(ctx.types[0]), dr.to(ctx.types[1]), dgamma, dbeta, None


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    return Fused.apply(x, residual, gamma, beta, eps)
