"""Masks are kept by both lengths and the window; the number of sinks is not in the key."""

import torch

_masks = {}


def sink_window_mask(Lq, Lk, window, sinks):
    if (Lq, Lk, window) not in _masks:
        row, column = torch.arange(Lq)[:, None] + Lk - Lq, torch.arange(Lk)
        see = (column <= row) & ((row - column < window) | (column < sinks))
        _masks[Lq, Lk, window] = see
    return _masks[Lq, Lk, window].clone()
