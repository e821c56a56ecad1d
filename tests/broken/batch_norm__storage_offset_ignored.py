"""A slice is read from the beginning of its storage (pytorch/pytorch #133520)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def batch_norm(x, gamma, beta, *, eps=1e-5):
    if x.storage_offset():
        x = x.as_strided(x.shape, x.stride(), 0)
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    mean = z.mean((0, 1))
    var = (z - mean).square().mean((0, 1))
    y = (z - mean) * torch.rsqrt(var + eps) * gamma.to(wide) + beta.to(wide)
    return y.to(x.dtype)
