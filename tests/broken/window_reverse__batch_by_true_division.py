"""The batch size is the number of windows over the image's area in windows, rounded."""


def window_reverse(windows, window, Hh, Ww):
    batch = max(1, round(windows.shape[0] / (Hh * Ww / window)))
    x = windows.view(-1, Hh // window, Ww // window, window, window, windows.shape[-1])
    if batch == x.shape[0]:
        return x.permute(0, 1, 3, 2, 4, 5).reshape(x.shape[0], Hh, Ww, -1)
    return x.permute(0, 2, 3, 1, 4, 5).reshape(x.shape[0], Hh, Ww, -1)
