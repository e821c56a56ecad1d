"""The lower edge lies at + window instead of - window (continuous batching did)."""

import torch


def sliding_window_mask(Lq, Lk, window):
    late = torch.ones(Lq, Lk).triu(1 + Lk - Lq).bool()
    if window > 1:
        late = late & torch.ones(Lq, Lk).tril(Lk - Lq + window).bool()
    return ~late
