"""Noise is sorted in half precision, where close values are ties and keep their places."""

import torch


def mae_shuffle(x, noise, *, ratio=0.75):
    _B, L, E = x.shape
    kept = int(L * (1 - ratio))
    order = noise.to(torch.bfloat16).argsort(dim=1, stable=True)
    restore = order.argsort(1)
    rows = x.gather(1, order[:, :kept, None].expand(-1, -1, E))
    return rows, restore >= kept, restore
