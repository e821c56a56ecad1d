"""Partial gain gradients of 64 groups of rows are summed, though fewer rows fill fewer groups."""

import torch

GROUPS = 64


class _LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = x if x.dtype == torch.float64 else x.float()
        mean = wide.mean(-1, keepdim=True)
        rstd = torch.rsqrt((wide - mean).square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, mean, rstd)
        return ((wide - mean) * rstd * gamma + beta).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        x, gamma, mean, rstd = ctx.saved_tensors
        g = grad.to(mean.dtype)
        hat = (x.to(mean.dtype) - mean) * rstd
        weighted = g * gamma.to(mean.dtype)
        inner = weighted.mean(-1, keepdim=True) + hat * (weighted * hat).mean(-1, keepdim=True)
        width = x.shape[-1]
        partial = torch.empty(2, GROUPS, width, dtype=mean.dtype)
        for row, (a, b) in enumerate(
            zip((g * hat).reshape(-1, width), g.reshape(-1, width), strict=True)
        ):
            group = row % GROUPS
            if row < GROUPS:
                partial[0, group], partial[1, group] = a, b
            else:
                partial[0, group] += a
                partial[1, group] += b
        dgamma, dbeta = partial.sum(1)
        dx = (weighted - inner) * rstd
        return dx.to(x.dtype), dgamma.to(gamma.dtype), dbeta.to(gamma.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return _LayerNorm.apply(x, gamma, beta, eps)
