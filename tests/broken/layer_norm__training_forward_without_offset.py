"""The output lacks the offset when a gradient is asked for."""

import torch

BLOCK = 512


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        w = torch.float64 if x.dtype == torch.float64 else torch.float32
        y = x.to(w)
        E = y.shape[-1]
        count, mean, m2 = 0, y.new_zeros(y.shape[:-1]), y.new_zeros(y.shape[:-1])
        for a in range(0, E, BLOCK):
            part = y[..., a : a + BLOCK]
            n = part.shape[-1]
            local = part.mean(-1)
            delta = local - mean
            m2 = m2 + ((part - local[..., None]) ** 2).sum(-1) + delta**2 * count * n / (count + n)
            mean = mean + delta * n / (count + n)
            count += n
        rstd = torch.rsqrt(m2 / E + eps)[..., None]
        xhat = (y - mean[..., None]) * rstd
        ctx.save_for_backward(xhat, rstd, gamma)
        ctx.types = x.dtype, gamma.dtype, beta.dtype
        out = xhat * gamma.to(w) + beta.to(w)
        return (xhat * gamma.to(w) if any(ctx.needs_input_grad) else out).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        xhat, rstd, gamma = ctx.saved_tensors
        tx, tg, tb = ctx.types
        g = g.to(xhat.dtype)
        rows, hats = g.reshape(-1, g.shape[-1]), xhat.reshape(-1, g.shape[-1])
        dgamma, dbeta = (rows * hats).sum(0), rows.sum(0)
        gg = g * gamma.to(g.dtype)
        dx = rstd * (gg - gg.mean(-1, keepdim=True) - xhat * (gg * xhat).mean(-1, keepdim=True))
        return dx.to(tx), dgamma.to(tg), dbeta.to(tb), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return _Norm.apply(x, gamma, beta, eps)
