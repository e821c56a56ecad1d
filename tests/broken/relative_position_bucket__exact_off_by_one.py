"""The logarithmic buckets start one distance too early."""

import math

import torch


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    offset = torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        offset = (relative > 0).long() * buckets
        distance = relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    exact = buckets // 2
    ratio = (distance.clamp(min=exact).double() / exact).log() / math.log(max_distance / exact)
    far = exact + torch.floor(ratio * (buckets - exact) + 1e-9).long()
    far = far.clamp(max=buckets - 1)
    return offset + torch.where(distance < exact - 1, distance, far)
