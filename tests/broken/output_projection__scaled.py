"""Logits are divided by sqrt(E)."""

import torch

MISTAKE = "output_projection.scaled"


def output_projection(h, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    return (h.to(wide) @ W.to(wide)).div(h.shape[-1] ** 0.5).to(h.dtype)
