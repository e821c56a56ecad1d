"""Multiplies by 1 + gamma (Gemma, undeclared)."""

import torch

CONVENTION = "norm_weight=one_plus"


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y / torch.sqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * (1 + gamma)).to(x.dtype)
