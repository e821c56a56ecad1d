"""Windows are listed window by window over the batch, not image by image."""

MISTAKE = "window_partition.window-major"


def window_partition(x, window):
    b, h, w, c = x.shape
    if h % window or w % window:
        raise ValueError("the window does not divide the image")
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.permute(1, 3, 0, 2, 4, 5).reshape(-1, window, window, c)
