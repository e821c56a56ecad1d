"""The region of a pixel is numbered row region + column region, so that two different ones share
a number."""

import torch


def _regions(n, window, shift):
    r = torch.zeros(n, dtype=torch.long)
    if shift:
        r[-window:-shift] = 1
        r[-shift:] = 2
    return r


def shifted_window_mask(Hh, Ww, window, shift):
    if Hh % window or Ww % window or not 0 <= shift < window:
        raise ValueError(f"Hh={Hh}, Ww={Ww}, window={window}, shift={shift}")
    ids = _regions(Hh, window, shift)[:, None] + _regions(Ww, window, shift)[None]
    w = (
        ids.view(Hh // window, window, Ww // window, window)
        .transpose(1, 2)
        .reshape(-1, window * window)
    )
    return w[:, :, None] == w[:, None, :]
