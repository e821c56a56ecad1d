"""The shuffling order is returned where its inverse is asked for."""

import torch

MISTAKE = "mae_shuffle.shuffle-for-restore"


def mae_shuffle(x, noise, *, ratio):
    keep = int(x.shape[1] * (1 - ratio))
    order = torch.argsort(noise, dim=1)
    visible = torch.gather(x, 1, order[:, :keep, None].expand(-1, -1, x.shape[2]))
    mask = torch.ones(x.shape[:2], dtype=torch.bool).scatter(1, order[:, :keep], False)
    return visible, mask, order
