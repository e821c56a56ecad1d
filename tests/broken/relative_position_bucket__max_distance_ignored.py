"""max_distance is always 128."""

import math

import torch

MISTAKE = "relative_position_bucket.max-distance-fixed"


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    offset = torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        offset = (relative > 0).long() * buckets
        distance = relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    exact = buckets // 2
    ratio = (distance.clamp(min=exact).double() / exact).log() / math.log(128 / exact)
    far = exact + torch.floor(ratio * (buckets - exact) + 1e-9).long()
    far = far.clamp(max=buckets - 1)
    return offset + torch.where(distance < exact, distance, far)
