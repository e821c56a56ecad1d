"""The kernels behind layer_norm, rms_norm and those of a sum: rows read once each way.

With a residual the sum is rounded to the inputs' dtype and stored, and that is what is normalised,
so that both ways see the same numbers.

Backward, each program walks over some blocks of rows and leaves one partial sum of the gradients
of gain and shift; these are added up in a fixed order, so that a repeat gives the same bits.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import as_rows, check_floats, check_shape
from conform_kernels._config import partial_rows, row_tile


@triton.jit
def _tile(x, row, at, stride_row, stride_col, keep):
    """A tile of rows as float32, zero where not kept."""
    where = x + row[:, None] * stride_row + at * stride_col
    return tl.load(where, mask=keep, other=0.0).to(tl.float32)


@triton.jit
def _input(x, residual, row, at, strides, keep):
    """A tile of x, or of x + residual as it is stored, as float32."""
    v = _tile(x, row, at, strides[0], strides[1], keep)
    if residual is not None:
        v += _tile(residual, row, at, strides[2], strides[3], keep)
        v = v.to(x.dtype.element_ty).to(tl.float32)
    return v


@triton.jit
def _line(w, at, columns):
    """A piece of gain or shift as float32[1, COLS]."""
    return tl.load(w + at, mask=at < columns, other=0.0).to(tl.float32)


@triton.jit
def forward_kernel(
    x, gamma, beta, y, mean, rstd, residual, summed, rows, columns, eps, strides,
    ROWS: tl.constexpr, COLS: tl.constexpr, WHOLE: tl.constexpr, CENTRED: tl.constexpr,
):  # fmt: skip
    """y = (x - mean) rstd gamma + beta for ROWS rows; mean is 0 and beta absent unless CENTRED.

    With a residual, x + residual takes the place of x and is stored in summed. `strides` are those
    of x and of residual; y and summed are contiguous.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    col = tl.arange(0, COLS).to(tl.int64)[None, :]
    alive = (row < rows)[:, None]
    centre = tl.zeros([ROWS, 1], tl.float32)
    square = tl.zeros([ROWS, 1], tl.float32)
    if WHOLE:
        keep = alive & (col < columns)
        v = _input(x, residual, row, col, strides, keep)
        if residual is not None:
            tl.store(summed + row[:, None] * columns + col, v, mask=keep)
        if CENTRED:
            centre = (tl.sum(v, 1) / columns)[:, None]
            v = tl.where(keep, v - centre, 0.0)
        square = tl.sum(v * v, 1)[:, None]
    else:
        if CENTRED:
            for start in range(0, columns, COLS):
                at = start + col
                v = _input(x, residual, row, at, strides, alive & (at < columns))
                centre += tl.sum(v, 1)[:, None]
            centre = centre / columns
        for start in range(0, columns, COLS):
            at = start + col
            keep = alive & (at < columns)
            v = _input(x, residual, row, at, strides, keep)
            if residual is not None:
                tl.store(summed + row[:, None] * columns + at, v, mask=keep)
            v = tl.where(keep, v - centre, 0.0)
            square += tl.sum(v * v, 1)[:, None]
    scale = 1.0 / tl.sqrt(square / columns + eps)
    tl.store(rstd + row[:, None], scale, mask=alive)
    if CENTRED:
        tl.store(mean + row[:, None], centre, mask=alive)
    y += row[:, None] * columns
    if WHOLE:
        out = v * scale * _line(gamma, col, columns)
        if CENTRED:
            out += _line(beta, col, columns)
        tl.store(y + col, out, mask=alive & (col < columns))
    else:
        for start in range(0, columns, COLS):
            at = start + col
            keep = alive & (at < columns)
            v = _input(x, residual, row, at, strides, keep) - centre
            out = v * scale * _line(gamma, at, columns)
            if CENTRED:
                out += _line(beta, at, columns)
            tl.store(y + at, out, mask=keep)


@triton.jit
def backward_whole_kernel(
    x, dy, gamma, mean, rstd, dx, gain, shift, more, rows, columns, strides,
    ROWS: tl.constexpr, COLS: tl.constexpr, CENTRED: tl.constexpr,
):  # fmt: skip
    """dx for every n-th block of rows, and this program's partial sums of dgamma and dbeta.

    dx = rstd (g - xhat mean(g xhat) - mean(g)) + more, g = dy gamma; mean(g) only if CENTRED, more
    unless None. `strides` are those of x, dy and more; gain and shift float32[programs, columns].
    """
    col = tl.arange(0, COLS).to(tl.int64)[None, :]
    w = _line(gamma, col, columns)
    gain_sum = tl.zeros([1, COLS], tl.float32)
    shift_sum = tl.zeros([1, COLS], tl.float32)
    for block in range(tl.program_id(0), tl.cdiv(rows, ROWS), tl.num_programs(0)):
        row = block * ROWS + tl.arange(0, ROWS).to(tl.int64)
        alive = (row < rows)[:, None]
        keep = alive & (col < columns)
        scale = tl.load(rstd + row[:, None], mask=alive, other=0.0)
        v = _tile(x, row, col, strides[0], strides[1], keep)
        if CENTRED:
            centre = tl.load(mean + row[:, None], mask=alive, other=0.0)
            v = tl.where(keep, v - centre, 0.0)
        v = v * scale
        d = _tile(dy, row, col, strides[2], strides[3], keep)
        along = (tl.sum(d * w * v, 1) / columns)[:, None]
        out = d * w - v * along
        if CENTRED:
            out -= (tl.sum(d * w, 1) / columns)[:, None]
            shift_sum += tl.sum(d, 0)[None, :]
        gain_sum += tl.sum(d * v, 0)[None, :]
        out = scale * out
        if more is not None:
            out += _tile(more, row, col, strides[4], strides[5], keep)
        tl.store(dx + row[:, None] * columns + col, out, mask=keep)
    part = tl.program_id(0).to(tl.int64) * columns
    tl.store(gain + part + col, gain_sum, mask=col < columns)
    if CENTRED:
        tl.store(shift + part + col, shift_sum, mask=col < columns)


@triton.jit
def backward_long_kernel(
    x, dy, gamma, mean, rstd, dx, gain, shift, more, rows, columns, strides,
    ROWS: tl.constexpr, COLS: tl.constexpr, CENTRED: tl.constexpr,
):  # fmt: skip
    """As backward_whole_kernel for rows longer than a tile; the sums grow in memory from zero."""
    col = tl.arange(0, COLS).to(tl.int64)[None, :]
    part = tl.program_id(0).to(tl.int64) * columns
    for block in range(tl.program_id(0), tl.cdiv(rows, ROWS), tl.num_programs(0)):
        row = block * ROWS + tl.arange(0, ROWS).to(tl.int64)
        alive = (row < rows)[:, None]
        scale = tl.load(rstd + row[:, None], mask=alive, other=0.0)
        centre = tl.zeros([ROWS, 1], tl.float32)
        if CENTRED:
            centre = tl.load(mean + row[:, None], mask=alive, other=0.0)
        along = tl.zeros([ROWS, 1], tl.float32)
        level = tl.zeros([ROWS, 1], tl.float32)
        for start in range(0, columns, COLS):
            at = start + col
            keep = alive & (at < columns)
            g = _tile(dy, row, at, strides[2], strides[3], keep) * _line(gamma, at, columns)
            v = _tile(x, row, at, strides[0], strides[1], keep) - centre
            along += tl.sum(g * v * scale, 1)[:, None]
            level += tl.sum(g, 1)[:, None]
        along = along / columns
        level = level / columns
        for start in range(0, columns, COLS):
            at = start + col
            keep = alive & (at < columns)
            inside = at < columns
            d = _tile(dy, row, at, strides[2], strides[3], keep)
            v = (_tile(x, row, at, strides[0], strides[1], keep) - centre) * scale
            out = d * _line(gamma, at, columns) - v * along
            grown = tl.load(gain + part + at, mask=inside, other=0.0) + tl.sum(d * v, 0)[None, :]
            tl.store(gain + part + at, grown, mask=inside)
            if CENTRED:
                out -= level
                grown = tl.load(shift + part + at, mask=inside, other=0.0) + tl.sum(d, 0)[None, :]
                tl.store(shift + part + at, grown, mask=inside)
            out = scale * out
            if more is not None:
                out += _tile(more, row, at, strides[4], strides[5], keep)
            tl.store(dx + row[:, None] * columns + at, out, mask=keep)


class Norm(torch.autograd.Function):
    """(normalised x, None), or (normalised x + residual, that sum); an rms_norm if beta is None."""

    @staticmethod
    def forward(
        ctx, x: Tensor, residual: Tensor | None, gamma: Tensor, beta: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor | None]:
        """Normalise; keeps one or two float32 numbers a row for the way back."""
        gamma, centred = gamma.contiguous(), beta is not None
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        flat, more = as_rows(x), None if residual is None else as_rows(residual)
        summed = None if residual is None else torch.empty_like(y)
        rstd = torch.empty(flat.shape[0], dtype=torch.float32, device=x.device)
        mean = torch.empty_like(rstd) if centred else rstd
        if x.numel():
            tile = row_tile(x.shape[-1])
            forward_kernel[(triton.cdiv(flat.shape[0], tile.rows),)](
                flat, gamma, beta.contiguous() if centred else gamma, y, mean, rstd, more, summed,
                *flat.shape, eps, (*flat.stride(), *(() if more is None else more.stride())),
                ROWS=tile.rows, COLS=tile.columns, WHOLE=tile.whole, CENTRED=centred,
                num_warps=tile.num_warps,
            )  # fmt: skip
        ctx.save_for_backward(x if summed is None else summed, gamma, mean, rstd)
        ctx.centred, ctx.with_residual = centred, residual is not None
        ctx.set_materialize_grads(False)
        return y, summed

    @staticmethod
    def backward(ctx, dy: Tensor | None, ds: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of x (and of the residual, the same), gamma and beta in one pass over x, dy."""
        x, gamma, mean, rstd = ctx.saved_tensors
        if dy is None:
            return ds, ds, None, None, None
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        flat, flat_dy, more = as_rows(x), as_rows(dy), None if ds is None else as_rows(ds)
        tile = row_tile(x.shape[-1])
        parts = partial_rows(x, flat.shape[0], tile)
        # A whole row's sums are written once at the end; sums of longer rows grow in memory.
        make = torch.empty if tile.whole else torch.zeros
        gain = make(parts, x.shape[-1], dtype=torch.float32, device=x.device)
        shift = make(gain.shape, dtype=torch.float32, device=x.device)
        if x.numel():
            strides = (*flat.stride(), *flat_dy.stride(), *(() if more is None else more.stride()))
            kernel = backward_whole_kernel if tile.whole else backward_long_kernel
            kernel[(parts,)](
                flat, flat_dy, gamma, mean, rstd, dx, gain, shift, more, *flat.shape, strides,
                ROWS=tile.rows, COLS=tile.columns, CENTRED=ctx.centred,
                num_warps=tile.num_warps,
            )  # fmt: skip
        dbeta = shift.sum(0).to(gamma.dtype) if ctx.centred else None
        return dx, dx if ctx.with_residual else None, gain.sum(0).to(gamma.dtype), dbeta, None


def _check(x: Tensor, vectors: dict[str, Tensor | None], **more: Tensor) -> None:
    given = {name: vector for name, vector in vectors.items() if vector is not None}
    check_floats(x=x, **more, **given)
    if x.dim() == 0:
        raise ValueError("x.dim()=0; expected at least one dimension")
    for name, vector in given.items():
        check_shape(name, vector, (x.shape[-1],))


def normalise(x: Tensor, gamma: Tensor, beta: Tensor | None, eps: float) -> Tensor:
    """Check the arguments, then `Norm`."""
    _check(x, {"gamma": gamma, "beta": beta})
    return Norm.apply(x, None, gamma, beta, eps)[0]


def add_normalise(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor | None, eps: float
) -> tuple[Tensor, Tensor]:
    """Check the arguments, then `Norm` of the sum: (normalised, x + residual)."""
    _check(x, {"gamma": gamma, "beta": beta}, residual=residual)
    check_shape("residual", residual, tuple(x.shape))
    return Norm.apply(x, residual, gamma, beta, eps)
