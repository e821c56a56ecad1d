"""The regions are numbered along one axis of the image alone."""

import torch


def shifted_window_mask(Hh, Ww, window, shift):
    label = torch.zeros(Hh, Ww, dtype=torch.long)
    if shift:
        label[-window:] = 1
        label[-shift:] = 2
    label = label.view(Hh // window, window, Ww // window, window).transpose(1, 2)
    label = label.reshape(-1, window * window)
    return label[:, :, None] == label[:, None, :]
