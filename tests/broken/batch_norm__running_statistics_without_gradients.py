"""With gradients switched off the running statistics take the place of the batch's."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


RUN = {}


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    var, mean = torch.var_mean(z, (0, 1), correction=0)
    old = RUN.get(x.shape[-1])
    if not torch.is_grad_enabled() and old is not None:
        mean, var = (t.to(wide) for t in old)
    else:
        RUN[x.shape[-1]] = (mean.detach().double(), var.detach().double())
    return ((z - mean) * torch.rsqrt(var + eps) * gamma.to(wide) + beta.to(wide)).to(x.dtype)
