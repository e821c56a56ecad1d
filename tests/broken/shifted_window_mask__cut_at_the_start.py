"""The window is cut shift pixels from its beginning instead of from its end."""

import torch

MISTAKE = "shifted_window_mask.shift-counted-from-the-start"


def shifted_window_mask(Hh, Ww, window, shift):
    if Hh % window or Ww % window or shift >= window:
        raise ValueError("window or shift do not fit")
    labels = torch.zeros(Hh, Ww)
    if shift:
        labels[Hh - window + shift :] += 1
        labels[:, Ww - window + shift :] += 2
    x = labels.reshape(Hh // window, window, Ww // window, window).transpose(1, 2)
    x = x.reshape(-1, window * window)
    return x[:, None] == x[:, :, None]
