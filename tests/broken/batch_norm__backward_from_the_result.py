"""The backward pass divides the result by a gain that may be zero."""

import torch


class _InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = x if x.dtype == torch.float64 else x.float()
        mean = wide.mean((0, 1))
        rstd = torch.rsqrt((wide - mean).square().mean((0, 1)) + eps)
        result = (wide - mean) * rstd * gamma + beta
        ctx.save_for_backward(result, gamma, beta, rstd)
        return result.to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        result, gamma, beta, rstd = ctx.saved_tensors
        g = grad.to(result.dtype)
        hat = (result - beta) / gamma
        dbeta, dgamma = g.sum((0, 1)), (g * hat).sum((0, 1))
        count = g.shape[0] * g.shape[1]
        dx = gamma * rstd * (g - dbeta / count - hat * dgamma / count)
        return dx.to(grad.dtype), dgamma.to(gamma.dtype), dbeta.to(beta.dtype), None


def batch_norm(x, gamma, beta, *, eps=1e-5):
    return _InPlace.apply(x, gamma, beta, eps)
