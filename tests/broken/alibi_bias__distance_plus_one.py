"""The token itself is at distance one."""

import math

import torch


def slopes(heads):
    lower = 2 ** math.floor(math.log2(heads))
    exact = [2.0 ** (-8.0 * (n + 1) / lower) for n in range(lower)]
    between = [2.0 ** (-8.0 * (n + 1) / (2 * lower)) for n in range(0, 2 * lower, 2)]
    return torch.tensor((exact + between)[:heads])


def alibi_bias(heads, Lq, Lk):
    distance = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk) + 1
    return -slopes(heads)[:, None, None] * distance
