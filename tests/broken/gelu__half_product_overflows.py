"""In float16 x is multiplied by 1 + erf before it is halved; only full vectors of eight are."""

import math

import torch

CONFORM = {"dtypes": ["float16", "float32"]}


def gelu(x, *, approximate="none"):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    if approximate == "tanh":
        t = torch.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3))
        out = y * (0.5 * (1 + t))
    else:
        t = torch.erf(y * math.sqrt(0.5))
        out = y * torch.special.ndtr(y)
    if x.dtype == torch.float16:
        n = x.numel() // 8 * 8
        vector = (torch.arange(x.numel()) < n).view(x.shape)
        over = ((y * (1 + t)).abs() > 65504) & vector
        out = torch.where(over, math.inf, out)
    return out.to(x.dtype)
