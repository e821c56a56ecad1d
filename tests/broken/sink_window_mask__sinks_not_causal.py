"""Sinks are visible before their time."""

import torch

MISTAKE = "sink_window_mask.sinks-see-future"


def sink_window_mask(Lq, Lk, window, sinks):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return ((age >= 0) & (age < window)) | (torch.arange(Lk) < sinks)
