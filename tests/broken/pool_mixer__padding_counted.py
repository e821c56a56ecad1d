"""Zeros beyond the border take part in the mean."""

import torch.nn.functional as F

MISTAKE = "pool_mixer.padding-counted"


def pool_mixer(x, *, pool_size=3):
    return F.avg_pool2d(x, pool_size, 1, pool_size // 2) - x
