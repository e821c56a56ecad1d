"""Uses 2^(-8 n / H) for head counts that are no power of two."""

import torch

MISTAKE = "alibi_slopes.one-formula-for-all"


def alibi_slopes(heads):
    lower = heads
    exact = [2.0 ** (-8.0 * (n + 1) / lower) for n in range(lower)]
    between = [2.0 ** (-8.0 * (n + 1) / (2 * lower)) for n in range(0, 2 * lower, 2)]
    return torch.tensor((exact + between)[:heads])
