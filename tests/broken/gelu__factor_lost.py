"""The new tanh form forgets to multiply by x (a port to JavaScript did)."""

import math

import torch


def gelu(x, *, approximate="none"):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "none":
        return (0.5 * wide * (1 + torch.erf(wide * 0.5**0.5))).to(x.dtype)
    t = torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))
    return (0.5 * (1 + t)).to(x.dtype)
