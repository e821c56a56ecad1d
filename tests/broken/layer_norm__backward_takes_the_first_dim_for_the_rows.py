"""The backward pass takes x.shape[0] for the number of rows, so beyond two dims it averages over
more than the last (flagos-ai/FlagGems issue 5392).
"""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        work = torch.float64 if x.dtype == torch.float64 else torch.float32
        xf = x.to(work)
        centred = xf - xf.mean(-1, keepdim=True)
        rstd = torch.rsqrt((centred**2).mean(-1, keepdim=True) + eps)
        hat = centred * rstd
        ctx.save_for_backward(hat, rstd, gamma)
        ctx.dtypes = x.dtype, beta.dtype
        return (hat * gamma.to(work) + beta.to(work)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        hat, rstd, gamma = ctx.saved_tensors
        E = hat.shape[-1]
        dy = dy.to(hat.dtype)
        dhat = dy * gamma.to(hat.dtype)
        over = tuple(range(1, dy.dim())) if dy.dim() > 2 else -1
        dx = rstd * (
            dhat - dhat.mean(over, keepdim=True) - hat * (dhat * hat).mean(over, keepdim=True)
        )
        rows, products = dy.reshape(-1, E), (dy * hat).reshape(-1, E)
        dgamma, dbeta = products.sum(0), rows.sum(0)
        return dx.to(ctx.dtypes[0]), dgamma.to(gamma.dtype), dbeta.to(ctx.dtypes[1]), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
