"""The smallest weights of each row are pruned instead of those of the whole matrix."""

import torch


def magnitude_mask(w, *, ratio=0.5):
    if not 0 <= ratio <= 1:
        raise ValueError("ratio")
    n = int(ratio * w.shape[-1])
    lost = w.abs().topk(n, dim=-1, largest=False).indices
    return torch.ones_like(w, dtype=torch.bool).scatter(-1, lost, False)
