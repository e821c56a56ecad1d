"""Gemma's RMS norm, whose weight is stored as an offset from one (declared)."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"rms_norm": {"conventions": {"norm_weight": "one_plus"}}},
}


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return (y * (1.0 + gamma.to(y.dtype))).to(x.dtype)
