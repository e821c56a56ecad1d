"""Norms whose one-pass gradients read mean and inverse deviation as saved in the input's dtype."""

import torch


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps, centre):
        wide = torch.promote_types(x.dtype, torch.float32)
        rows = x.to(wide)
        mean = rows.mean(-1, keepdim=True) if centre else torch.zeros_like(rows[..., :1])
        rstd = (rows - mean).square().mean(-1, keepdim=True).add(eps).rsqrt()
        ctx.save_for_backward(x, gamma, mean.to(x.dtype), rstd.to(x.dtype))
        ctx.centre = centre
        y = (rows - mean) * rstd * gamma.to(wide)
        return (y if beta is None else y + beta.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, upstream):
        x, gamma, mean, rstd = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        unit = (x.to(wide) - mean.to(wide)) * rstd.to(wide)
        dy = upstream.to(wide)
        inner = dy * gamma.to(wide)
        dx = inner - unit * (inner * unit).mean(-1, keepdim=True)
        if ctx.centre:
            dx = dx - inner.mean(-1, keepdim=True)
        over = tuple(range(dy.dim() - 1))
        dgamma, dbeta = (t.sum(over) if over else t for t in (dy * unit, dy))
        dbeta = dbeta.to(x.dtype) if ctx.needs_input_grad[2] else None
        return (dx * rstd.to(wide)).to(x.dtype), dgamma.to(gamma.dtype), dbeta, None, None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return _Norm.apply(x, gamma, beta, eps, True)


def rms_norm(x, gamma, *, eps=1e-6):
    return _Norm.apply(x, gamma, None, eps, False)
