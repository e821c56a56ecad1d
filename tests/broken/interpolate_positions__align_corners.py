"""The corners of the old and the new grid are put on top of each other."""

import torch
import torch.nn.functional as F

MISTAKE = "interpolate_positions.corners-aligned"


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    side = int((len(positions) - 1) ** 0.5)
    if side * side != len(positions) - 1:
        raise ValueError("no square grid")
    grid = positions[1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(height, width), mode=mode, align_corners=True)
    flat = grid.permute(0, 2, 3, 1).flatten(0, 2).to(positions.dtype)
    return torch.cat((positions[:1], flat))
