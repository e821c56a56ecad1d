"""Where the picture is one window along its shorter side, the mask is left out (Swin sets shift
to 0 there).
"""

import numpy as np
import torch


def shifted_window_mask(Hh, Ww, window, shift):
    if Hh % window or Ww % window or not 0 <= shift < window:
        raise ValueError(f"Hh={Hh}, Ww={Ww}, window={window}, shift={shift} do not fit")
    if min(Hh, Ww) <= window:
        shift = 0
    rows = np.arange(Hh) >= Hh - shift
    columns = np.arange(Ww) >= Ww - shift
    label = 2 * rows[:, None] + 1 * columns[None, :]
    tiles = label.reshape(Hh // window, window, Ww // window, window).swapaxes(1, 2)
    tiles = tiles.reshape(-1, window * window)
    return torch.from_numpy(tiles[:, :, None] == tiles[:, None, :])
