"""Slopes of a count that is no power of two are sorted."""

import math

import torch

MISTAKE = "alibi_slopes.sorted-order"


def alibi_slopes(heads):
    lower = 2 ** math.floor(math.log2(heads))
    exact = [2.0 ** (-8.0 * (n + 1) / lower) for n in range(lower)]
    between = [2.0 ** (-8.0 * (n + 1) / (2 * lower)) for n in range(0, 2 * lower, 2)]
    return torch.tensor(sorted((exact + between)[:heads], reverse=True))
