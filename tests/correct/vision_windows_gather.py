"""Windows by index lists; shifted windows as one masked attention over the whole image."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _blocks(h, w, window):
    if h % window or w % window:
        raise ValueError("the window does not divide the image")
    pixels = torch.arange(h * w).reshape(h, w)
    tiles = [t for row in pixels.split(window) for t in row.split(window, dim=1)]
    return torch.stack(tiles)


def window_partition(x, window):
    b, h, w, c = x.shape
    index = _blocks(h, w, window)
    return x.reshape(b, h * w, c)[:, index].flatten(0, 1)


def window_reverse(windows, window, Hh, Ww):
    index = _blocks(Hh, Ww, window)
    if len(windows) % len(index):
        raise ValueError("the windows do not fill images")
    back = torch.argsort(index.flatten())
    flat = windows.reshape(len(windows) // len(index), Hh * Ww, windows.shape[-1])
    return flat[:, back].reshape(-1, Hh, Ww, windows.shape[-1])


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    wide = torch.promote_types(x.dtype, torch.float32)
    b, h, w, e = x.shape

    def labels(n):
        padded = -(-n // window) * window
        i = torch.arange(n)
        return (i - shift) % padded // window * 2 + (i < shift)

    label = labels(h)[:, None] * 10**6 + labels(w)
    see = label.flatten()[:, None] == label.flatten()
    qkv = F.linear(x.to(wide).reshape(b, h * w, e), Wqkv.to(wide).T, bqkv.to(wide))
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=see)
    o = F.linear(o.transpose(1, 2).flatten(2), Wo.to(wide).T, bo.to(wide))
    return o.reshape(b, h, w, e).to(x.dtype)
