"""Rank-stabilised scaling, not declared."""

import torch

CONVENTION = "lora_scaling=alpha_over_sqrt_r"


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    x32, W, a, b = (t.to(wide) for t in (x, W0, A, B))
    return (x32 @ W.T + alpha / A.shape[0] ** 0.5 * (x32 @ a.T @ b.T)).to(x.dtype)
