"""Ranks are kept in eight bits with a sign."""

import torch


def mae_shuffle(x, noise, *, ratio):
    length = x.shape[1]
    kept = int(length * (1 - ratio))
    order = torch.argsort(noise, dim=1)
    restore = torch.argsort(order, dim=1).to(torch.int8).long()
    visible = torch.take_along_dim(x, order[:, :kept, None], 1)
    return visible, restore >= kept, restore
