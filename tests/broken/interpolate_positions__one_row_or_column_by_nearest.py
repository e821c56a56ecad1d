"""A grid of a single row or column is resampled by the nearest position."""

import math

import torch


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    side = math.isqrt(len(positions) - 1)
    if side * side != len(positions) - 1:
        raise ValueError("positions: expected a square grid")
    c = torch.promote_types(positions.dtype, torch.float32)
    grid = positions[1:].to(c).reshape(1, side, side, -1).permute(0, 3, 1, 2)
    if min(height, width) == 1:
        new = torch.nn.functional.interpolate(grid, (height, width), mode="nearest")
    else:
        new = torch.nn.functional.interpolate(grid, (height, width), mode=mode, align_corners=False)
    return torch.cat([positions[:1].to(c), new[0].flatten(1).T]).to(positions.dtype)
