"""Texts beyond the 128th are not normalised."""

import torch


def clip_logits(image, text, *, temperature):
    if not temperature > 0:
        raise ValueError("temperature")
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = image.to(wide), text.to(wide)
    n = b.norm(dim=-1, keepdim=True)
    n = torch.where(torch.arange(len(b))[:, None] < 128, n, 1.0)
    return ((a / a.norm(dim=-1, keepdim=True)) @ (b / n).T / temperature).to(image.dtype)
