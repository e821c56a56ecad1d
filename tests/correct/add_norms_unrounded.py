"""The sum stays in float32 for its norm and is rounded on its way out, as vLLM does."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    total = x.to(wide) + residual.to(wide)
    normed = total * torch.rsqrt(total.square().mean(-1, keepdim=True) + eps)
    return normed.to(x.dtype) * gamma, total.to(x.dtype)


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    total = x.to(wide) + residual.to(wide)
    variance, mean = torch.var_mean(total, dim=-1, correction=0, keepdim=True)
    normed = (total - mean) * torch.rsqrt(variance + eps) * gamma + beta
    return normed.to(x.dtype), total.to(x.dtype)
