"""The window is counted from rows that ignore the cached keys (trymirai/lalamo #200)."""

import torch


def sliding_window_mask(Lq, Lk, window):
    row, column = torch.arange(Lq)[:, None], torch.arange(Lk)
    return (column <= row + Lk - Lq) & (column > row - window)
