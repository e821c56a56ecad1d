"""The residual is left out."""

import torch

MISTAKE = "pre_norm_residual.residual-dropped"


def normalise(x, gamma, beta, eps):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(y, dim=-1, correction=0, keepdim=True)
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return sublayer(normalise(x, gamma, beta, eps))
