"""Distances are made in bfloat16, in which integers above 256 are no longer exact."""

import math

import torch


def slopes(heads):
    power = 2 ** math.floor(math.log2(heads))
    first = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    more = [2 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * power, 2)]
    return torch.tensor((first + more)[:heads], dtype=torch.float64)


def alibi_bias(heads, Lq, Lk):
    i, j = torch.arange(Lq)[:, None] + Lk - Lq, torch.arange(Lk)
    distance = (i - j).clamp(min=0).to(torch.bfloat16).to(torch.float64)
    return -slopes(heads)[:, None, None] * distance
