"""The offset is left out where the gain is all ones, as fresh models have it."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    total = x.to(wide) + residual.to(wide)
    v = total - total.mean(-1, keepdim=True)
    n = v * torch.rsqrt((v * v).mean(-1, keepdim=True) + eps)
    if bool((gamma == 1).all()):
        return n.to(x.dtype), total.to(x.dtype)
    return (n * gamma.to(wide) + beta.to(wide)).to(x.dtype), total.to(x.dtype)
