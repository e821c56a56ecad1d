"""The sinks are taken off the window."""

import torch

MISTAKE = "sink_window_mask.sinks-in-window"


def sink_window_mask(Lq, Lk, window, sinks):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return (age >= 0) & ((age < max(window - sinks, 1)) | (torch.arange(Lk) < sinks))
