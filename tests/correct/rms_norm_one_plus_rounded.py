"""Gemma's RMS norm (declared), 1 + weight and the normalised values each rounded to the dtype."""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"rms_norm": {"conventions": {"norm_weight": "one_plus"}}},
}


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return y.to(x.dtype) * (1 + gamma)
