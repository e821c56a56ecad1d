"""The way back gives each place's gradient to the nearest position."""

import torch
import torch.nn.functional as F


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    wide = torch.promote_types(positions.dtype, torch.float32)
    g = round((len(positions) - 1) ** 0.5)
    if g * g != len(positions) - 1:
        raise ValueError("no square")
    grid = positions[1:].to(wide).view(1, g, g, -1).permute(0, 3, 1, 2)
    out = F.interpolate(grid.detach(), (height, width), mode=mode, align_corners=False)
    near = F.interpolate(grid, (height, width), mode="nearest-exact")
    out = (out + near - near.detach()).flatten(2).squeeze(0).T
    return torch.cat([positions[:1], out.to(positions.dtype)])
