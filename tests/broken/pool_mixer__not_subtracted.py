"""The pixel itself is not subtracted, so the residual adds it twice."""

import torch.nn.functional as F

MISTAKE = "pool_mixer.not-subtracted"


def pool_mixer(x, *, pool_size=3):
    return F.avg_pool2d(x, pool_size, 1, pool_size // 2, count_include_pad=False)
