"""A window of one counts as none."""

import torch


def sliding_window_mask(Lq, Lk, window):
    see = torch.ones(Lq, Lk, dtype=torch.bool).tril(Lk - Lq)
    return see if window <= 1 else see.triu(Lk - Lq - window + 1)
