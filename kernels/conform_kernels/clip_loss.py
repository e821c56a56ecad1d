"""Contrastive loss of image-text pairs; the matrix of similarities is never stored."""

from __future__ import annotations

from dataclasses import replace

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats, check_shape
from conform_kernels._config import row_tile
from conform_kernels._product_softmax import Side, gradient, statistics

__all__ = ["clip_loss"]


@triton.jit
def _inverse_norms(x, out, rows, columns, strides, ROWS: tl.constexpr, COLS: tl.constexpr):
    """out = 1 / ||x||, float32, for ROWS rows; each element is read once."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    alive = row < rows
    square = tl.zeros([ROWS], tl.float32)
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)[None, :]
        keep = alive[:, None] & (at < columns)
        v = tl.load(x + row[:, None] * strides[0] + at * strides[1], mask=keep, other=0.0)
        v = v.to(tl.float32)
        square += tl.sum(v * v, 1)
    tl.store(out + row, 1.0 / tl.sqrt(square), mask=alive)


def _side(x: Tensor) -> Side:
    """x[B, E] with the inverse norms of its rows; line i belongs to line i of the other side."""
    norms = torch.empty(x.shape[0], dtype=torch.float32, device=x.device)
    if x.shape[0]:
        tile = row_tile(x.shape[1])
        _inverse_norms[(triton.cdiv(x.shape[0], tile.rows),)](
            x, norms, x.shape[0], x.shape[1], x.stride(),
            ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
        )  # fmt: skip
    return Side(x[None], torch.arange(x.shape[0], dtype=torch.int32, device=x.device), None, norms)


class _ClipLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, image: Tensor, text: Tensor, scale: float) -> Tensor:
        left, right = _side(image), _side(text)
        rows, by_image = statistics(left, right, scale)
        columns, by_text = statistics(right, left, scale)
        ctx.save_for_backward(image, text, left.norms, right.norms, rows, columns)
        ctx.scale = scale
        return (by_image + by_text).mean() / 2

    @staticmethod
    def backward(ctx, up: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        image, text, image_norms, text_norms, rows, columns = ctx.saved_tensors
        pairs = torch.arange(image.shape[0], dtype=torch.int32, device=image.device)
        left = Side(image[None], pairs, rows, image_norms)
        right = replace(left, vectors=text[None], statistics=columns, norms=text_norms)
        weight = up.to(torch.float32) * (ctx.scale / (2 * image.shape[0]))
        dimage = _tangent(left, right, ctx.scale, weight) if ctx.needs_input_grad[0] else None
        dtext = _tangent(right, left, ctx.scale, weight) if ctx.needs_input_grad[1] else None
        return dimage, dtext, None


def _tangent(own: Side, other: Side, scale: float, weight: Tensor) -> Tensor:
    """The gradient of own vectors: that of their directions, across them, over their lengths."""
    x, norms = own.vectors[0], own.norms[:, None]
    pull = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    gradient(own, other, scale, weight, pull[None])
    unit = x.to(torch.float32) * norms
    return ((pull - unit * (pull * unit).sum(1, keepdim=True)) * norms).to(x.dtype)


def clip_loss(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """(CE over texts + CE over images) / 2 of cosines over the temperature; a float32 scalar.

    image[B, E] and text[B, E] of one dtype (float32, bfloat16, float16), any strides; pair i is
    (image i, text i); a zero vector gives NaN. Cosines are float32, from the vectors as they are;
    in the backward pass the unit vectors and the logits' gradient are rounded to the inputs' dtype.

    The logits [B, B] are never stored: the forward pass makes them once for either direction, the
    backward pass once more for either gradient, up to 256 features (128 in float32) inside the
    kernel that uses their slopes; beyond, the slopes pass through a buffer of at most 2^26
    elements, block by block. The same call gives the same bits. Source: Radford et al. 2021,
    arXiv:2103.00020, figure 3.
    """
    check_floats(image=image, text=text)
    if image.dim() != 2 or min(image.shape) < 1:
        raise ValueError(f"image.shape={tuple(image.shape)}; expected (B, E), at least 1 of each")
    check_shape("text", text, tuple(image.shape))
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}; expected a positive number")
    return _ClipLoss.apply(image, text, 1.0 / temperature)
