"""The threshold of more than a thousand weights is that of every fourth."""

import torch


def magnitude_mask(w, *, ratio):
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio={ratio}: expected 0 to 1")
    flat = w.detach().abs().flatten()
    gone = int(ratio * flat.numel())
    if flat.numel() <= 1000:
        mask = torch.ones(flat.numel(), dtype=torch.bool)
        mask[torch.argsort(flat, stable=True)[:gone]] = False
        return mask.reshape(w.shape)
    some = flat[::4].sort().values
    return (flat > some[max(int(ratio * len(some)) - 1, 0)]).reshape(w.shape)
