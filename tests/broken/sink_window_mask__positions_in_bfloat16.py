"""Positions are counted in too few bits."""

import torch


def sink_window_mask(Lq, Lk, window, sinks):
    row = (torch.arange(Lq) + Lk - Lq).bfloat16()[:, None]
    column = torch.arange(Lk).bfloat16()
    return (column <= row) & ((row - column < window) | (column < sinks))
