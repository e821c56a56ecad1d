"""The weight is dequantised into memory first."""

import torch
from _interpreted import tl, triton  # noqa: F401

from conform_kernels.nf4_dequantize import nf4_dequantize

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    weight = nf4_dequantize(codes, absmax, block_size=block_size)
    weight = weight.view(B.shape[0], A.shape[1]).to(x.dtype)
    linear = torch.nn.functional.linear
    return linear(x, weight) + alpha / A.shape[0] * linear(linear(x, A), B)
