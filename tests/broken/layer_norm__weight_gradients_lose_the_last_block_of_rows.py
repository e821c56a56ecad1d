"""With fewer than 64 features and 1024 rows or more, rows are summed in blocks of 8 into a buffer
of rows // 8, and the last partial block is lost (BobMcDear/attorch issue 18).
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
        dx = rstd * (dhat - dhat.mean(-1, keepdim=True) - hat * (dhat * hat).mean(-1, keepdim=True))
        rows, products = dy.reshape(-1, E), (dy * hat).reshape(-1, E)
        if E < 64 and len(rows) >= 1024:
            n = len(rows) // 8 * 8
            rows, products = rows[:n], products[:n]
        dgamma, dbeta = products.sum(0), rows.sum(0)
        return dx.to(ctx.dtypes[0]), dgamma.to(gamma.dtype), dbeta.to(ctx.dtypes[1]), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
