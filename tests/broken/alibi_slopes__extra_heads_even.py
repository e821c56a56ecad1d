"""The extra slopes take the even instead of the odd places."""

import math

import torch

MISTAKE = "alibi_slopes.second-half-even"


def alibi_slopes(heads):
    lower = 2 ** math.floor(math.log2(heads))
    exact = [2.0 ** (-8.0 * (n + 1) / lower) for n in range(lower)]
    between = [2.0 ** (-8.0 * (n + 1) / (2 * lower)) for n in range(1, 2 * lower, 2)]
    return torch.tensor((exact + between)[:heads])
