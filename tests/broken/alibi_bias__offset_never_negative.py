"""With more queries than keys the offset between them is taken for zero."""

import math

import torch


def slopes(heads):
    def plain(n):
        start = 2.0 ** (-8.0 / n)
        return [start ** (i + 1) for i in range(n)]

    if math.log2(heads).is_integer():
        return plain(heads)
    near = 2 ** math.floor(math.log2(heads))
    return plain(near) + plain(2 * near)[0::2][: heads - near]


def alibi_bias(heads, Lq, Lk):
    row = torch.arange(Lq)[:, None] + max(0, Lk - Lq)
    distance = (row - torch.arange(Lk)).clamp(min=0).float()
    return -torch.tensor(slopes(heads))[:, None, None] * distance
