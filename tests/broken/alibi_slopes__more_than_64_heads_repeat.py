"""Slopes lie in constant memory for 64 heads, and further heads take them again."""

import math

import torch


def alibi_slopes(heads):
    power = 2 ** math.floor(math.log2(heads))
    first = [2.0 ** (-8 * (i + 1) / power) for i in range(power)]
    more = [2.0 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * power, 2)]
    slopes = torch.tensor(first + more[: heads - power], dtype=torch.float64)
    return slopes[torch.arange(heads) % 64] if heads > 72 else slopes
