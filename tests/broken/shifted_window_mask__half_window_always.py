"""The mask is drawn for a shift of half a window, whatever the shift."""

import torch


def shifted_window_mask(Hh, Ww, window, shift):
    if shift == 0:
        n = (Hh // window) * (Ww // window)
        return torch.ones(n, window * window, window * window, dtype=torch.bool)
    shift = max(1, window // 2)

    def label(size):
        at = torch.arange(size)
        return (at >= size - window).long() + (at >= size - shift).long()

    region = label(Hh)[:, None] * 3 + label(Ww)
    tiles = (
        region.view(Hh // window, window, Ww // window, window)
        .transpose(1, 2)
        .flatten(2)
        .flatten(0, 1)
    )
    return tiles[:, :, None] == tiles[:, None]
