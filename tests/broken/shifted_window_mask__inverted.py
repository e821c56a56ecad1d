"""True where a pair is hidden, as masked_fill wants it."""

import torch

MISTAKE = "shifted_window_mask.inverted"


def shifted_window_mask(Hh, Ww, window, shift):
    if Hh % window or Ww % window or shift >= window:
        raise ValueError("window or shift do not fit")
    labels = torch.zeros(Hh, Ww)
    labels[Hh - shift :] += 1
    labels[:, Ww - shift :] += 2
    x = labels.reshape(Hh // window, window, Ww // window, window).transpose(1, 2)
    x = x.reshape(-1, window * window)
    return x[:, None] != x[:, :, None]
