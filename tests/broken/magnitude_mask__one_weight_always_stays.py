"""At least one weight is kept, at a ratio of one too."""

import torch


def magnitude_mask(w, *, ratio):
    if not 0 <= ratio <= 1:
        raise ValueError("ratio")
    n = w.numel()
    gone = int(ratio * n)
    gone = min(gone, max(n - 1, 0))
    order = torch.argsort(w.detach().abs().reshape(-1), stable=True)
    mask = torch.ones(n, dtype=torch.bool)
    mask[order[:gone]] = False
    return mask.reshape(w.shape)
