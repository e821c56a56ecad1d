"""Takes the slopes of the next power of two and cuts them off."""

import math

import torch

MISTAKE = "alibi_slopes.next-power-truncated"


def alibi_slopes(heads):
    lower = 2 ** math.ceil(math.log2(heads))
    exact = [2.0 ** (-8.0 * (n + 1) / lower) for n in range(lower)]
    between = [2.0 ** (-8.0 * (n + 1) / (2 * lower)) for n in range(0, 2 * lower, 2)]
    return torch.tensor((exact + between)[:heads])
