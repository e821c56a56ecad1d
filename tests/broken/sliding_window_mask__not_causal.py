"""The window reaches into the future."""

import torch

MISTAKE = "sliding_window_mask.not-causal"


def sliding_window_mask(Lq, Lk, window):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return age.abs() < window
