"""Masks by comparing broadcast index grids."""

import torch


def grid(Lq, Lk):
    return torch.arange(Lq).unsqueeze(1) + (Lk - Lq), torch.arange(Lk).unsqueeze(0)


def causal_mask(Lq, Lk):
    i, j = grid(Lq, Lk)
    return i >= j


def sliding_window_mask(Lq, Lk, window):
    i, j = grid(Lq, Lk)
    return (i >= j) & (i - j < window)


def sink_window_mask(Lq, Lk, window, sinks):
    i, j = grid(Lq, Lk)
    return (i >= j) & ((i - j < window) | (j < sinks))


def padding_mask(lengths, L):
    return torch.arange(L) < lengths[:, None]
