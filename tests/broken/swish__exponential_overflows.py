"""The sigmoid is e^x / (1 + e^x), which is NaN for large inputs (owkin/GrAIdient #83)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def swish(x, *, beta=1.0):
    z = x.to(torch.promote_types(x.dtype, torch.float32))
    e = torch.exp(beta * z)
    return (z * e / (1 + e)).to(x.dtype)
