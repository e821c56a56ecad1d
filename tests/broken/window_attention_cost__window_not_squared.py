"""A pixel is charged one window row of keys."""

MISTAKE = "window_attention_cost.window-not-squared"


def window_attention_cost(height, width, channels, *, window=None):
    if min(height, width, channels) < 1 or (window and (height % window or width % window)):
        raise ValueError("sizes do not fit")
    keys = height * width if window is None else window
    return 4 * height * width * channels**2 + 2 * keys * height * width * channels
