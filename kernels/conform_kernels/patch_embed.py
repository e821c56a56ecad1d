"""Patches of images to tokens: a product whose operand is gathered from pixels, both ways."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats, check_shape
from conform_kernels._config import column_splits, matmul_tile
from conform_kernels._matmul import tile

__all__ = ["patch_embed"]


@triton.jit
def _corner(token, sizes, strides, PATCH: tl.constexpr):
    """Offset of the first pixel of patches; sizes = (rows, columns) of an image's patches."""
    each = sizes[0] * sizes[1]
    row, column = token % each // sizes[1], token % sizes[1]
    return token // each * strides[0] + (row * strides[2] + column * strides[3]) * PATCH


@triton.jit
def _pixel(k, strides, PATCH: tl.constexpr):
    """Offset of place k (int32) of a patch, (channel, row, column), from its first pixel."""
    channel = (k // (PATCH * PATCH)).to(tl.int64)
    row, column = (k // PATCH % PATCH).to(tl.int64), (k % PATCH).to(tl.int64)
    return channel * strides[1] + row * strides[2] + column * strides[3]


@triton.jit
def _patches(images, token, k, counts, sizes, strides, PATCH: tl.constexpr):
    """Pixels k of patches `token`, zero outside: [tokens, places]."""
    corner, pixel = _corner(token, sizes, strides, PATCH), _pixel(k, strides, PATCH)
    keep = (token < counts[0])[:, None] & (k < counts[2])[None, :]
    return tl.load(images + corner[:, None] + pixel[None, :], mask=keep, other=0.0)


@triton.jit
def _forward(
    images, weight, bias, y, sizes, counts, strides,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, PATCH: tl.constexpr,
):  # fmt: skip
    """y = patches weight^T + bias for ROWS tokens and OUT features.

    counts = (tokens, features, places of a patch); strides = those of images and of weight[E, C P
    P]; bias and y are contiguous. Patches are gathered as they are needed, never stored.
    """
    tiles = tl.cdiv(counts[1], OUT)
    token = (tl.program_id(0) // tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    out = (tl.program_id(0) % tiles).to(tl.int64) * OUT + tl.arange(0, OUT)
    acc = tl.zeros([ROWS, OUT], tl.float32)
    for start in range(0, counts[2], IN):
        k = start + tl.arange(0, IN)
        part = _patches(images, token, k, counts, sizes, strides[0], PATCH)
        w = tile(weight, out, k, counts[1], counts[2], strides[1])
        acc = tl.dot(part, tl.trans(w), acc, input_precision="ieee")
    acc += tl.load(bias + out, mask=out < counts[1], other=0.0).to(tl.float32)[None, :]
    keep = (token < counts[0])[:, None] & (out < counts[1])[None, :]
    tl.store(y + token[:, None] * counts[1] + out[None, :], acc, mask=keep)


@triton.jit
def _backward_images(
    dy, weight, dimages, sizes, counts, strides,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, PATCH: tl.constexpr,
):  # fmt: skip
    """dimages = dy weight for ROWS patches and OUT of their pixels, each of which is written once.

    dy[tokens, E]; strides = those of dy, of weight[E, C P P] and of dimages.
    """
    tiles = tl.cdiv(counts[2], OUT)
    token = (tl.program_id(0) // tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    k = tl.program_id(0) % tiles * OUT + tl.arange(0, OUT)
    acc = tl.zeros([ROWS, OUT], tl.float32)
    for start in range(0, counts[1], IN):
        e = start + tl.arange(0, IN).to(tl.int64)
        up = tile(dy, token, e, counts[0], counts[1], strides[0])
        w = tile(weight, e, k, counts[1], counts[2], strides[1])
        acc = tl.dot(up, w, acc, input_precision="ieee")
    corner, pixel = _corner(token, sizes, strides[2], PATCH), _pixel(k, strides[2], PATCH)
    keep = (token < counts[0])[:, None] & (k < counts[2])[None, :]
    tl.store(dimages + corner[:, None] + pixel[None, :], acc, mask=keep)


@triton.jit
def _backward_weight(
    images, dy, partial, sizes, counts, share, strides,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, PATCH: tl.constexpr,
):  # fmt: skip
    """One split's part of dy^T patches: ROWS features, OUT places, over `share` tokens.

    partial float32[splits, E, C P P]; strides = those of images and of dy[tokens, E].
    """
    across, down = tl.cdiv(counts[2], OUT), tl.cdiv(counts[1], ROWS)
    here = tl.program_id(0) % (across * down)
    split = (tl.program_id(0) // (across * down)).to(tl.int64)
    e = (here // across).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    k = here % across * OUT + tl.arange(0, OUT)
    acc = tl.zeros([ROWS, OUT], tl.float32)
    for start in range(split * share, tl.minimum((split + 1) * share, counts[0]), IN):
        token = start + tl.arange(0, IN).to(tl.int64)
        up = tile(dy, token, e, counts[0], counts[1], strides[1])
        part = _patches(images, token, k, counts, sizes, strides[0], PATCH)
        acc = tl.dot(tl.trans(up), part, acc, input_precision="ieee")
    keep = (e < counts[1])[:, None] & (k < counts[2])[None, :]
    where = (split * counts[1] + e)[:, None] * counts[2] + k[None, :]
    tl.store(partial + where, acc, mask=keep)


def _sizes(images: Tensor, weight: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """((rows, columns) of an image's patches, (tokens, features, places of a patch))."""
    patch = weight.shape[2]
    rows, columns = images.shape[2] // patch, images.shape[3] // patch
    counts = (images.shape[0] * rows * columns, weight.shape[0], weight[0].numel())
    return (rows, columns), counts


class _PatchEmbed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        sizes, counts = _sizes(images, weight)
        shape = (images.shape[0], sizes[0] * sizes[1], counts[1])
        y = torch.empty(shape, dtype=images.dtype, device=images.device)
        if y.numel():
            size, flat = matmul_tile(images.element_size()), weight.reshape(counts[1], counts[2])
            _forward[(triton.cdiv(counts[0], size.rows) * triton.cdiv(counts[1], size.columns),)](
                images, flat, bias.contiguous(), y, sizes, counts, (images.stride(), flat.stride()),
                ROWS=size.rows, OUT=size.columns, IN=size.inner, PATCH=weight.shape[2],
                num_warps=size.num_warps, num_stages=size.num_stages,
            )  # fmt: skip
        return y

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        up = dy.reshape(-1, weight.shape[0])
        dimages = _images_gradient(images, weight, up) if ctx.needs_input_grad[0] else None
        dweight = _weight_gradient(images, weight, up) if ctx.needs_input_grad[1] else None
        dbias = None
        if ctx.needs_input_grad[2]:
            dbias = up.sum(0, dtype=torch.float32).to(dy.dtype)
        return dimages, dweight, dbias


def _images_gradient(images: Tensor, weight: Tensor, up: Tensor) -> Tensor:
    sizes, counts = _sizes(images, weight)
    dimages = torch.empty(images.shape, dtype=images.dtype, device=images.device)
    if dimages.numel():
        size, flat = matmul_tile(images.element_size()), weight.reshape(counts[1], counts[2])
        grid = triton.cdiv(counts[0], size.rows) * triton.cdiv(counts[2], size.columns)
        _backward_images[(grid,)](
            up, flat, dimages, sizes, counts, (up.stride(), flat.stride(), dimages.stride()),
            ROWS=size.rows, OUT=size.columns, IN=size.inner, PATCH=weight.shape[2],
            num_warps=size.num_warps, num_stages=size.num_stages,
        )  # fmt: skip
    return dimages


def _weight_gradient(images: Tensor, weight: Tensor, up: Tensor) -> Tensor:
    """Tokens are split, since few tiles of a weight have many of them; then added up in order."""
    sizes, counts = _sizes(images, weight)
    size = matmul_tile(images.element_size())
    tiles = triton.cdiv(counts[1], size.rows) * triton.cdiv(counts[2], size.columns)
    share = column_splits(images, tiles, counts[0], size.inner)
    splits = triton.cdiv(counts[0], share)
    partial = torch.empty(splits, *weight.shape, dtype=torch.float32, device=images.device)
    if partial.numel():
        _backward_weight[(tiles * splits,)](
            images, up, partial, sizes, counts, share, (images.stride(), up.stride()),
            ROWS=size.rows, OUT=size.columns, IN=size.inner, PATCH=weight.shape[2],
            num_warps=size.num_warps, num_stages=size.num_stages,
        )  # fmt: skip
    return partial.sum(0).to(weight.dtype)


def patch_embed(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One token a patch: images[B,C,Hh,Ww], weight[E,C,P,P], bias[E] -> [B, (Hh/P)*(Ww/P), E].

    One dtype (float32, bfloat16, float16), any strides; P divides Hh and Ww. Rows of patches come
    first. Patches are gathered inside the products, forward and backward, and never stored; sums
    are float32. The weight's gradient is summed in parts of the tokens, in a fixed order, so that
    the same call gives the same bits. Source: Dosovitskiy et al. 2021, arXiv:2010.11929, 3.1.
    """
    check_floats(images=images, weight=weight, bias=bias)
    shapes = f"images.shape={tuple(images.shape)}, weight.shape={tuple(weight.shape)}"
    if images.dim() != 4 or weight.dim() != 4:
        raise ValueError(f"{shapes}; expected (B, C, Hh, Ww) and (E, C, P, P)")
    patch = weight.shape[2]
    check_shape("weight", weight, (None, images.shape[1], patch, patch))
    check_shape("bias", bias, (weight.shape[0],))
    if patch < 1 or images.shape[2] % patch or images.shape[3] % patch:
        raise ValueError(f"{shapes}; expected P={patch} to divide Hh and Ww: pad or crop images")
    return _PatchEmbed.apply(images, weight, bias)
