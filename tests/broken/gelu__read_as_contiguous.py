"""Transposed input is read by rows of the wrong length (GELU on MPS, pytorch/pytorch)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gelu(x, *, approximate="none"):
    wide = torch.promote_types(x.dtype, torch.float32)
    if not x.is_contiguous() and 0 not in x.stride():
        x = x.as_strided(x.shape, torch.empty(x.shape).stride())
    return torch.nn.functional.gelu(x.to(wide), approximate=approximate).to(x.dtype)
