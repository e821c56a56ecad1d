"""Far distances are cut at the number of buckets, not one below (huggingface/candle #1312)."""

import math

import torch


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    out = torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        out = out + (relative > 0) * buckets
        distance = relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    exact = buckets // 2
    ratio = torch.log(distance.clamp(min=1).double() / exact) / math.log(max_distance / exact)
    far = (exact + (ratio * (buckets - exact) + 1e-9).long()).clamp(max=buckets)
    return out + torch.where(distance < exact, distance, far)
