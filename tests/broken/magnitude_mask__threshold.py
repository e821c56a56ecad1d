"""Everything at the threshold goes: too many where magnitudes repeat."""

import torch


def magnitude_mask(w, *, ratio):
    count = int(ratio * w.numel())
    if count == 0:
        return torch.ones_like(w, dtype=torch.bool)
    return w.abs() > w.abs().flatten().kthvalue(count).values
