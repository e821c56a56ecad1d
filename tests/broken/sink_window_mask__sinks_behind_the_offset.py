"""Sinks are counted from the first key that the new queries bring, not from the first of all."""

import torch


def sink_window_mask(Lq, Lk, window, sinks):
    row, column = torch.arange(Lq)[:, None] + Lk - Lq, torch.arange(Lk)
    first = max(Lk - Lq, 0)
    kept = (column >= first) & (column < first + sinks)
    return (column <= row) & ((row - column < window) | kept)
