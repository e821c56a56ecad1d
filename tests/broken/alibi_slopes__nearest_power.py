"""The power of two is the nearest one and not the one below."""

import math

import torch


def alibi_slopes(heads):
    if heads < 1:
        raise ValueError("heads must be positive")
    p = 2 ** round(math.log2(heads))
    first = [2.0 ** (-8.0 * (i + 1) / p) for i in range(min(p, heads))]
    more = [2.0 ** (-4.0 * (2 * i + 1) / p) for i in range(max(heads - p, 0))]
    return torch.tensor(first + more)
