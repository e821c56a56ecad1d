"""The path for windows of 7 puts them column by column."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def window_partition(x, window):
    B, H, W, C = x.shape
    if H % window or W % window:
        raise ValueError("window")
    t = x.reshape(B, H // window, window, W // window, window, C)
    t = t.permute(0, 3, 1, 2, 4, 5) if window == 7 else t.permute(0, 1, 3, 2, 4, 5)
    return t.reshape(-1, window, window, C)
