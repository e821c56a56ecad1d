"""A text of one token gets no position vector (mlx-lm #93)."""

import math

import torch


def input_embedding(tokens, table, positions, *, scaled=False):
    wide = torch.promote_types(table.dtype, torch.float32)
    y = table.to(wide)[tokens]
    if scaled:
        y = y * math.sqrt(table.shape[1])
    if tokens.shape[1] > 1:
        y = y + positions.to(wide)[: tokens.shape[1]]
    return y.to(table.dtype)
