"""Positions are counted in too few bits."""

import torch


def sliding_window_mask(Lq, Lk, window):
    d = (torch.arange(Lq)[:, None] + Lk - Lq - torch.arange(Lk)).to(torch.int8)
    return (d >= 0) & (d < window)
