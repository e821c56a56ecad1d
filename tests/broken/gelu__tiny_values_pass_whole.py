"""Below 1e-6 the distribution function is taken for one, so that tiny values come out doubled."""

import math

import torch


def gelu(x, *, approximate="none"):
    wide = x if x.dtype == torch.float64 else x.float()
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)
        return (0.5 * wide * (1 + torch.tanh(inner))).to(x.dtype)
    share = 0.5 * torch.erfc(-wide * math.sqrt(0.5))
    share = torch.where(wide.abs() < 1e-6, torch.ones_like(share), share)
    return (wide * share).to(x.dtype)
