"""The cap at the last bucket is applied in the bidirectional case only, distances beyond
max_distance get buckets that do not exist.
"""

import math

import torch


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    relative = relative.to(torch.int64)
    result = torch.zeros_like(relative)
    count = buckets
    if bidirectional:
        count = buckets // 2
        result = (relative > 0).long() * count
        distance = relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    exact = count // 2
    ratio = torch.log(distance.clamp(min=1).double() / exact) / math.log(max_distance / exact)
    far = exact + torch.floor(ratio * (count - exact) + 1e-9).long()
    if bidirectional:
        far = far.clamp(max=count - 1)
    return result + torch.where(distance < exact, distance, far)
