"""The first slope is 1."""

import math

import torch


def alibi_slopes(heads):
    lower = 2 ** math.floor(math.log2(heads))
    exact = [2.0 ** (-8.0 * n / lower) for n in range(lower)]
    between = [2.0 ** (-8.0 * (n + 1) / (2 * lower)) for n in range(0, 2 * lower, 2)]
    return torch.tensor((exact + between)[:heads])
