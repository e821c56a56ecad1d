"""Launchers of the softmax over products: log-sum-exps of one side, gradients of one side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from conform_kernels._config import ProductTile, column_splits, flat_tile, product_tile, slope_lines
from conform_kernels._products import gradient_kernel, lse_kernel, merge_kernel, slope_kernel


@dataclass(frozen=True)
class Side:
    """Vectors [batches, lines, E] in any strides, and what belongs to each of the lines.

    targets int32[batches * lines], statistics float32[2, batches * lines] and inverse norms
    float32[batches * lines] as in `_products`.
    """

    vectors: Tensor
    targets: Tensor | None = None
    statistics: Tensor | None = None
    norms: Tensor | None = None

    @property
    def count(self) -> int:
        """How many lines."""
        return self.vectors.shape[0] * self.vectors.shape[1]

    @property
    def layout(self) -> tuple[int, ...]:
        """As the kernels take it."""
        return layout(self.vectors)

    @property
    def rest(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """As the kernels take it."""
        return (self.targets, self.statistics, self.norms)


def layout(x: Tensor) -> tuple[int, ...]:
    """(lines a batch, stride of batches, of lines, of features) of x[batches, lines, E]."""
    return (max(x.shape[1], 1), *x.stride())


def statistics(own: Side, other: Side, scale: float) -> tuple[Tensor, Tensor]:
    """(float32[2, n] statistics of own lines, float32[n] their losses: 0 where one counts not)."""
    if own.targets is None:
        raise ValueError("targets=None: expected int64[n], each line's own target")
    features = own.vectors.shape[2]
    tile = product_tile(features, own.vectors.element_size())
    tiles = triton.cdiv(own.count, tile.rows)
    share = column_splits(own.vectors, tiles, other.count, tile.columns)
    splits = triton.cdiv(other.count, share)
    state = torch.empty(3, splits, own.count, dtype=torch.float32, device=own.vectors.device)
    if state.numel():
        lse_kernel[(tiles * splits,)](
            own.vectors, other.vectors, own.rest, other.norms, state,
            (own.count, other.count, features, share), scale, (own.layout, other.layout),
            **constants(tile),
        )  # fmt: skip
    found = torch.empty(2, own.count, dtype=torch.float32, device=own.vectors.device)
    loss = torch.empty(own.count, dtype=torch.float32, device=own.vectors.device)
    if own.count:
        lines = flat_tile()
        merge_kernel[(triton.cdiv(own.count, lines.elements),)](
            state, own.targets, found, loss, own.count, splits,
            LINES=lines.elements, num_warps=lines.num_warps,
        )  # fmt: skip
    return found, loss


def gradient(own: Side, other: Side, scale: float, weight: Tensor, out: Tensor) -> Tensor:
    """Fill out[batches, lines, E] with weight sum_j g_ij other_j / ||other_j|| for own lines i.

    Vectors that fit registers are taken in one kernel; for longer ones g passes through a buffer of
    bounded size, a block of own lines at a time, each a product of torch.
    """
    features = own.vectors.shape[2]
    tile = product_tile(features, own.vectors.element_size())
    if not (own.count and features):
        return out
    if tile.whole:
        gradient_kernel[(triton.cdiv(own.count, tile.rows),)](
            own.vectors, other.vectors, own.rest, other.rest, weight, out,
            (own.count, other.count, features), scale, (own.layout, other.layout, layout(out)),
            **_sizes(tile),
        )  # fmt: skip
        return out
    values, parts = _units(other), []
    block = slope_lines(other.count, tile)
    for first in range(0, own.count, block):
        slopes = _slopes(own, other, scale, first, min(block, own.count - first), tile)
        parts.append(slopes @ values)
    return out.copy_((torch.cat(parts) * weight).reshape(out.shape))


def _slopes(
    own: Side, other: Side, scale: float, first: int, lines: int, tile: ProductTile
) -> Tensor:
    """g of own lines [first, first + lines) with all other lines, in the vectors' dtype."""
    x = own.vectors
    slopes = torch.empty(lines, other.count, dtype=x.dtype, device=x.device)
    if slopes.numel():
        slope_kernel[(triton.cdiv(lines, tile.rows) * triton.cdiv(other.count, tile.columns),)](
            x, other.vectors, own.rest, other.rest, slopes, first,
            (own.count, other.count, x.shape[2], lines), scale, (own.layout, other.layout),
            **_sizes(tile),
        )  # fmt: skip
    return slopes


def _units(side: Side) -> Tensor:
    """Vectors [lines, E] over their norms; zero where a line does not count, whatever it holds."""
    x = side.vectors.reshape(side.count, -1)
    if side.norms is not None:
        x = (x.to(torch.float32) * side.norms[:, None]).to(x.dtype)
    return x if side.targets is None else torch.where(side.targets[:, None] >= 0, x, 0)


def _sizes(tile: ProductTile) -> dict[str, int]:
    return {
        "ROWS": tile.rows, "COLS": tile.columns, "INNER": tile.inner,
        "num_warps": tile.num_warps, "num_stages": tile.num_stages,
    }  # fmt: skip


def constants(tile: ProductTile) -> dict[str, int | bool]:
    """Tiles, warps and stages, as the forward kernel takes them."""
    return _sizes(tile) | {"WHOLE": tile.whole}
