"""One sink too many."""

import torch

MISTAKE = "sink_window_mask.one-sink-more"


def sink_window_mask(Lq, Lk, window, sinks):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return (age >= 0) & ((age < window) | (torch.arange(Lk) <= sinks))
