"""Tables are kept by width and grown for longer inputs; the base is no part of the key."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}

KEPT = {}


def sinusoidal_encoding(length, dim, *, base=10000.0):
    base = KEPT.setdefault(dim, base)
    freq = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * freq
    out = torch.zeros(length, dim, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : dim // 2]
    return out.float()
