"""The bias is added behind the learned scaling, so that merging changes the layer."""

import torch

MISTAKE = "ia3_linear.bias-not-scaled"


def ia3_linear(x, W0, b0, scale):
    wide = torch.promote_types(x.dtype, torch.float32)
    return ((x.to(wide) @ W0.to(wide).T) * scale + b0).to(x.dtype)
