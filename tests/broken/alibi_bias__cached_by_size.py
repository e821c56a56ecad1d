"""The bias is cached by its size whatever the number of heads."""

import torch

CACHE = {}


def slopes(n):
    p = 2 ** (n.bit_length() - 1)
    first = [2.0 ** (-8.0 * (i + 1) / p) for i in range(p)]
    return first + [2.0 ** (-4.0 * (2 * i + 1) / p) for i in range(n - p)]


def alibi_bias(heads, Lq, Lk):
    if (Lq, Lk) not in CACHE or CACHE[Lq, Lk].shape[0] < heads:
        gap = torch.arange(Lk) - torch.arange(Lq)[:, None] - (Lk - Lq)
        CACHE[Lq, Lk] = torch.tensor(slopes(heads))[:, None, None] * gap
    return CACHE[Lq, Lk][:heads].clone()
