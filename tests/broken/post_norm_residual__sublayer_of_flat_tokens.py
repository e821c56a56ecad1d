"""The sublayer gets all tokens of the batch as one long sequence."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = sublayer(x.reshape(1, -1, x.shape[-1])).reshape(x.shape) if x.dim() == 3 else sublayer(x)
    z = (x + y).to(wide)
    var, mean = torch.var_mean(z, -1, correction=0, keepdim=True)
    return ((z - mean) * torch.rsqrt(var + eps) * gamma.to(wide) + beta.to(wide)).to(x.dtype)
