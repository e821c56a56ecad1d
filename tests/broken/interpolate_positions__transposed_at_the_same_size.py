"""At the size it has, the bicubic grid comes back with rows and columns exchanged (pytorch issue
22312).
"""

import torch
import torch.nn.functional as F


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    n, e = positions.shape
    side = round((n - 1) ** 0.5)
    if side * side != n - 1:
        raise ValueError(f"positions: {n} rows but one are no square")
    wide = torch.promote_types(positions.dtype, torch.float32)
    grid = positions[1:].to(wide).reshape(side, side, e).permute(2, 0, 1)[None]
    if mode == "bicubic" and height == width == side:
        grid = grid.mT
    else:
        grid = F.interpolate(grid, size=(height, width), mode=mode, align_corners=False)
    grid = grid[0].permute(1, 2, 0).reshape(height * width, e)
    return torch.cat([positions[:1], grid.to(positions.dtype)])
