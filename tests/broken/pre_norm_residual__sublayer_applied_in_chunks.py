"""The sublayer runs on chunks of eight tokens to save memory, which attention does not allow."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    var, mean = torch.var_mean(z, -1, correction=0, keepdim=True)
    y = ((z - mean) * torch.rsqrt(var + eps) * gamma.to(wide) + beta.to(wide)).to(x.dtype)
    if x.dim() < 2:
        return x + sublayer(y)
    return x + torch.cat([sublayer(part) for part in y.split(8, dim=-2)], dim=-2)
