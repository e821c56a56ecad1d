"""tanh is a quotient of exponentials, which is infinite over infinite for large inputs."""

import math

import torch


def gelu(x, *, approximate="none"):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    if approximate != "tanh":
        return (y * torch.special.ndtr(y)).to(x.dtype)
    z = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
    e = torch.exp(2 * z)
    return (0.5 * y * (1 + (e - 1) / (e + 1))).to(x.dtype)
