"""A window of w keys and the query's own."""

import torch

CONVENTION = "window=excludes_self"


def sliding_window_mask(Lq, Lk, window):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return (age >= 0) & (age <= window)
