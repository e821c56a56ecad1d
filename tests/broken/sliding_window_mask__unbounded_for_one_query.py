"""A single query needs no mask, it is thought (rajveer43/VeloxQuant-MLX #463)."""

import torch


def sliding_window_mask(Lq, Lk, window):
    if Lq == 1:
        return torch.ones(1, Lk, dtype=torch.bool)
    row, column = torch.arange(Lq)[:, None] + Lk - Lq, torch.arange(Lk)
    return (column <= row) & (column > row - window)
