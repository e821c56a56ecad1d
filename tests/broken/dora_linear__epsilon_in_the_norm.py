"""The norm has an epsilon of 1e-6 added (weight norm of other libraries)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    weight = W0.to(wide) + alpha / len(A) * (B.to(wide) @ A.to(wide))
    norm = torch.linalg.vector_norm(weight, dim=1)
    return (x.to(wide) @ weight.T * (magnitude.to(wide) / (norm + 1e-6))).to(x.dtype)
