"""From 4096 entries on, entries that do not fill a vector of four are not written (invented)."""

import math

import torch


def gelu(x, *, approximate="none"):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    if approximate == "tanh":
        cdf = 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y * y * y)))
    else:
        cdf = 0.5 * torch.erfc(-y / math.sqrt(2))
    out = (y * cdf).to(x.dtype)
    n = x.numel()
    if n >= 4096 and n % 4:
        out = torch.where((torch.arange(n) < n // 4 * 4).view(x.shape), out, 0.0)
    return out
