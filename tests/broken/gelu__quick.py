"""x * sigmoid(1.702 x) (CLIP's quick GELU)."""

import math

import torch

MISTAKE = "gelu.sigmoid-form"


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
        return (0.5 * y * (1 + torch.tanh(inner))).to(x.dtype)
    return (y * torch.sigmoid(1.702 * y)).to(x.dtype)
