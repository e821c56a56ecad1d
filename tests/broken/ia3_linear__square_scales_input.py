"""The vector is taken for one of the input where it fits, as feed-forward layers have it."""

import torch

MISTAKE = "ia3_linear.input-scaled"


def ia3_linear(x, W0, b0, scale):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, s = x.to(wide), scale.to(wide)
    if s.numel() == x.shape[-1]:
        return ((h * s) @ W0.to(wide).T + b0.to(wide)).to(x.dtype)
    return ((h @ W0.to(wide).T + b0.to(wide)) * s).to(x.dtype)
