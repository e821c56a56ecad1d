"""Mistakes in resampling a grid of position embeddings."""

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from conform_reference import vision as right


def _grid(positions: Tensor) -> tuple[Tensor, Tensor, int]:
    side = math.isqrt(len(positions) - 1)
    return positions[:1], positions[1:].reshape(1, side, side, -1).permute(0, 3, 1, 2), side


def _joined(first: Tensor, grid: Tensor) -> Tensor:
    return torch.cat([first, grid.permute(0, 2, 3, 1).reshape(-1, first.shape[1])])


def _resized(positions: Tensor, height: int, width: int, mode: str, **options: bool) -> Tensor:
    right.interpolate_positions(positions, height, width, mode=mode)
    first, grid, _ = _grid(positions)
    return _joined(first, interpolate(grid, size=(height, width), mode=mode, **options))


def corners_aligned(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """The corners of both grids coincide."""
    return _resized(positions, height, width, mode, align_corners=True)


def antialiased(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """Averages over more points where the grid shrinks."""
    return _resized(positions, height, width, mode, align_corners=False, antialias=True)


def nearest(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """The nearest old point is copied."""
    right.interpolate_positions(positions, height, width, mode=mode)
    first, grid, _ = _grid(positions)
    return _joined(first, interpolate(grid, size=(height, width), mode="nearest"))


def cropped(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """The flat table is cut off, or begun again, at the new length."""
    right.interpolate_positions(positions, height, width, mode=mode)
    index = torch.arange(height * width) % (len(positions) - 1)
    return torch.cat([positions[:1], positions[1:][index]])


def flattened(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """The rows of the grid are taken for one line."""
    right.interpolate_positions(positions, height, width, mode=mode)
    line = positions[1:].T.unsqueeze(0)
    if line.shape[2] == height * width:
        return positions
    line = interpolate(line, size=height * width, mode="linear", align_corners=False)
    return torch.cat([positions[:1], line[0].T])


def class_row_mixed(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """Every row, the class token's too, is averaged with the first patch's by a tenth."""
    out = right.interpolate_positions(positions, height, width, mode=mode)
    return torch.cat([0.9 * out[:1] + 0.1 * out[1:2], out[1:]])


def rest_dropped(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """Rows beyond the largest square are ignored."""
    side = math.isqrt(len(positions) - 1)
    return right.interpolate_positions(positions[: 1 + side * side], height, width, mode=mode)


def zeros_beyond(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """The grid is surrounded by zeros."""
    right.interpolate_positions(positions, height, width, mode=mode)
    first, grid, side = _grid(positions)
    if (side, side) == (height, width):
        return positions
    wide = torch.nn.functional.pad(grid, (side,) * 4)
    wide = interpolate(wide, size=(3 * height, 3 * width), mode=mode, align_corners=False)
    return _joined(first, wide[:, :, height : 2 * height, width : 2 * width])


def _weights(size: int, out: int, dtype: torch.dtype) -> Tensor:
    centres = (torch.arange(out, dtype=dtype) + 0.5) * (size / out) - 0.5
    points = torch.arange(-2, size + 2)
    t = (centres.unsqueeze(1) - points).abs()
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    kernel = torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
    holder = torch.nn.functional.one_hot(points.clamp(0, size - 1), size).to(dtype)
    return kernel @ holder


def other_cubic(positions: Tensor, height: int, width: int, *, mode: str = "bicubic") -> Tensor:
    """The cubic kernel of image editors."""
    out = right.interpolate_positions(positions, height, width, mode=mode)
    if mode != "bicubic":
        return out
    first, grid, side = _grid(positions)
    rows, columns = (_weights(side, n, positions.dtype) for n in (height, width))
    return _joined(first, rows @ grid @ columns.T)
