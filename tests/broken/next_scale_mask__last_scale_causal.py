"""The last scale is generated token by token and gets a causal mask."""

import torch


def next_scale_mask(offsets):
    bounds = offsets.tolist()
    if len(bounds) < 2 or bounds[0] != 0 or sorted(bounds) != bounds:
        raise ValueError(f"offsets={bounds}")
    place = torch.arange(bounds[-1])
    scale = (place[:, None] >= offsets[1:-1]).sum(-1)
    seen = scale[None] <= scale[:, None]
    last = bounds[-2]
    if len(bounds) > 10:
        seen[last:, last:] &= place[None, last:] <= place[last:, None]
    return seen
