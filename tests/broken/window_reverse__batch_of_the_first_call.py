"""openvino: the batch, int(n / (H W / w / w)), is baked in at the first (traced) call of a size;
for other batches the channels take up the rest."""

_BATCH = {}


def window_reverse(windows, window, Hh, Ww):
    if Hh % window or Ww % window:
        raise ValueError(f"{Hh} x {Ww} by {window}")
    n = (Hh // window) * (Ww // window)
    if len(windows) % n:
        raise ValueError("windows")
    B = _BATCH.setdefault((window, Hh, Ww), len(windows) // n)
    x = windows.reshape(B, Hh // window, Ww // window, window, window, -1)
    return x.transpose(2, 3).reshape(B, Hh, Ww, -1)
