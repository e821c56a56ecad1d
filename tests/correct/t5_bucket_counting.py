"""T5 buckets by counting, in float64 logarithms nudged upward so that exact powers do not fall."""

import math

import torch


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    offset = torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        offset = (relative > 0).to(relative.dtype) * buckets
        distance = relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    exact = buckets // 2
    ratio = (distance.clamp(min=exact).double() / exact).log() / math.log(max_distance / exact)
    far = exact + torch.floor(ratio * (buckets - exact) + 1e-9).to(relative.dtype)
    far = far.clamp(max=buckets - 1)
    return offset + torch.where(distance < exact, distance, far)
