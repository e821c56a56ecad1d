"""The sum is rounded to the input's dtype, stored, and normalised in float32, as Liger does."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    total = x + residual
    wide = torch.promote_types(x.dtype, torch.float32)
    return F.rms_norm(total.to(wide), x.shape[-1:], gamma.to(wide), eps).to(x.dtype), total


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    total = x + residual
    wide = torch.promote_types(x.dtype, torch.float32)
    y = F.layer_norm(total.to(wide), x.shape[-1:], gamma.to(wide), beta.to(wide), eps)
    return y.to(x.dtype), total
