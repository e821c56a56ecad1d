"""Without bidirectional later keys are put into buckets of their distance."""

import math

import torch


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    offset = 0
    n = -relative
    if bidirectional:
        buckets //= 2
        offset = (n < 0).long() * buckets
        n = n.abs()
    else:
        n = n.abs()
    exact = buckets // 2
    ratio = torch.log(n.clamp(min=1).double() / exact) / math.log(max_distance / exact)
    far = exact + (ratio * (buckets - exact) + 1e-9).long()
    return offset + torch.where(n < exact, n, far.clamp(max=buckets - 1))
