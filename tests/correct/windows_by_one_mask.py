"""Shifted windows as one attention over all tokens under a mask that says who shares a window."""

import torch
import torch.nn.functional as F


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    B, Y, X, E = x.shape
    q, k, v = (
        torch.addmm(bqkv, x.reshape(-1, E), Wqkv)
        .view(B, Y * X, 3, heads, -1)
        .permute(2, 0, 3, 1, 4)
    )

    def place(n):
        padded = -(-n // window) * window
        rolled = (torch.arange(n) - shift) % padded
        around = torch.arange(n) < shift
        return rolled // window * 2 + around.long()

    at = torch.stack(torch.meshgrid(place(Y), place(X), indexing="ij"), -1).view(-1, 2)
    share = (at[:, None] == at[None]).all(-1)
    o = F.scaled_dot_product_attention(q, k, v, share)
    return (o.transpose(1, 2).reshape(B, Y, X, E) @ Wo) + bo


def window_partition(x, window):
    _B, Y, X, C = x.shape
    if Y % window or X % window:
        raise ValueError("sizes")
    w = x.unfold(1, window, window).unfold(2, window, window)
    return w.permute(0, 1, 2, 4, 5, 3).reshape(-1, window, window, C)


def window_reverse(windows, window, Hh, Ww):
    r, c = Hh // window, Ww // window
    if r * window != Hh or c * window != Ww or len(windows) % (r * c):
        raise ValueError("sizes")
    C = windows.shape[-1]
    rows = [
        torch.cat(list(row), 2)
        for row in windows.view(-1, r, c, window, window, C).permute(1, 2, 0, 3, 4, 5)
    ]
    return torch.cat(rows, 1)
