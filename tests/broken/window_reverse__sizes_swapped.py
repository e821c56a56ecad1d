"""Height and width are exchanged; right on square images only."""

MISTAKE = "window_reverse.sizes-swapped"


def window_reverse(windows, window, Hh, Ww):
    if len(windows) % ((Hh // window) * (Ww // window)) or Hh % window or Ww % window:
        raise ValueError("the windows do not fill images")
    x = windows.reshape(-1, Ww // window, Hh // window, window, window, windows.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, Hh, Ww, windows.shape[-1])
