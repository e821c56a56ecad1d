"""All sines first, then all cosines (declared), in float32 throughout."""

import math

import torch

CONFORM = {
    "operators": {
        "sinusoidal_encoding": {
            "conventions": {"sinusoid_layout": "concatenated"},
            "requires": ["dim % 2 == 0"],
        }
    }
}


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(base) / dim))
    angle = torch.arange(length).float().unsqueeze(1) * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)
