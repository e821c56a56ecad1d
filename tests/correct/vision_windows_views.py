"""Swin as usually written: views and permutes, region labels for the mask, eager attention."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def window_partition(x, window):
    b, h, w, c = x.shape
    if h % window or w % window:
        raise ValueError("the window does not divide the image")
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window, window, c)


def window_reverse(windows, window, Hh, Ww):
    n = (Hh // window) * (Ww // window)
    if Hh % window or Ww % window or len(windows) % n:
        raise ValueError("the windows do not fill images")
    x = windows.reshape(len(windows) // n, Hh // window, Ww // window, window, window, -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(len(windows) // n, Hh, Ww, -1)


def grid_partition(x, grid):
    b, h, w, c = x.shape
    if h % grid or w % grid:
        raise ValueError("the grid does not divide the image")
    x = x.reshape(b, grid, h // grid, grid, w // grid, c)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(-1, grid, grid, c)


def grid_reverse(groups, grid, Hh, Ww):
    n = (Hh // grid) * (Ww // grid)
    if len(groups) % n:
        raise ValueError("the groups do not fill images")
    x = groups.reshape(len(groups) // n, Hh // grid, Ww // grid, grid, grid, -1)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(len(groups) // n, Hh, Ww, -1)


def shifted_window_mask(Hh, Ww, window, shift):
    if Hh % window or Ww % window or not 0 <= shift < window:
        raise ValueError("window or shift do not fit")
    labels = torch.zeros(1, Hh, Ww, 1)
    if shift:
        count = 0
        pieces = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
        for rows in pieces:
            for columns in pieces:
                labels[:, rows, columns] = count
                count += 1
    labels = window_partition(labels, window).reshape(-1, window * window)
    return labels[:, None] == labels[:, :, None]


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    b, h, w, e = x.shape
    x = F.pad(x, (0, 0, 0, -w % window, 0, -h % window))
    hp, wp = x.shape[1:3]
    x = torch.roll(x, (-shift, -shift), (1, 2))
    tokens = window_partition(x, window).reshape(-1, window * window, e)
    inside = torch.zeros(1, hp, wp, 1)
    inside[:, :h, :w] = 1
    inside = window_partition(torch.roll(inside, (-shift, -shift), (1, 2)), window)
    see = shifted_window_mask(hp, wp, window, shift) & (inside.reshape(-1, 1, window**2) > 0)
    qkv = (tokens @ Wqkv + bqkv).reshape(len(tokens), window**2, 3, heads, e // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    scores = q @ k.mT / math.sqrt(e // heads)
    see = see.repeat(b, 1, 1)[:, None]
    weights = torch.softmax(scores.masked_fill(~see, torch.finfo(x.dtype).min), dim=-1)
    out = (weights @ v).transpose(1, 2).reshape(-1, window**2, e) @ Wo + bo
    out = window_reverse(out.reshape(-1, window, window, e), window, hp, wp)
    return torch.roll(out, (shift, shift), (1, 2))[:, :h, :w]


def window_attention_cost(height, width, channels, *, window=None):
    if min(height, width, channels) < 1 or (window and (height % window or width % window)):
        raise ValueError("sizes do not fit")
    projections = 4 * height * width * channels * channels
    if window is None:
        return projections + 2 * (height * width) ** 2 * channels
    windows = (height // window) * (width // window)
    return projections + 2 * windows * window**4 * channels
