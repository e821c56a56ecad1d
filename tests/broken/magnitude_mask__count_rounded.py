"""round(ratio n) weights go, not floor (torch.nn.utils.prune counts so)."""

import torch


def magnitude_mask(w, *, ratio):
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio={ratio}")
    n = w.numel()
    drop = round(ratio * n)
    keep = torch.ones(n, dtype=torch.bool)
    keep[torch.topk(w.reshape(-1).abs(), drop, largest=False).indices] = False
    return keep.view(w.shape)
