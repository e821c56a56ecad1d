"""The number of hidden tokens is cut off instead of the number of visible ones."""

import torch


def mae_shuffle(x, noise, *, ratio):
    length = x.shape[1]
    kept = length - int(length * ratio)
    order = torch.argsort(noise, dim=1)
    restore = torch.argsort(order, dim=1)
    visible = torch.take_along_dim(x, order[:, :kept, None], 1)
    return visible, restore >= kept, restore
