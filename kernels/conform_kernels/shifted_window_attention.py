"""Attention within shifted windows: padding, roll, partition and mask are index arithmetic."""

from __future__ import annotations

import math

import torch
import triton
from torch import Tensor

from conform_kernels._checks import check_floats, check_shape
from conform_kernels._config import (
    LARGEST_HEAD,
    AttentionTile,
    backward_keys_tile,
    backward_queries_tile,
    forward_tile,
    padded_head,
)
from conform_kernels._windows import forward_kernel, key_kernel, query_kernel

__all__ = ["shifted_window_attention"]


def constants(tile: AttentionTile, head: int, window: int) -> dict[str, int]:
    """Sizes of heads and tiles, warps and stages; tiles are no larger than a window."""
    most = max(16, triton.next_power_of_2(window * window))
    return {
        "D": head, "BD": padded_head(head), "WINDOW": window,
        "QUERIES": min(tile.queries, most), "KEYS": min(tile.keys, most),
        "num_warps": tile.num_warps, "num_stages": tile.num_stages,
    }  # fmt: skip


class _Windows(torch.autograd.Function):
    """qkv[B, Hh, Ww, 3 E] -> [B, Hh, Ww, E], contiguous ones both."""

    @staticmethod
    def forward(ctx, qkv: Tensor, heads: int, window: int, shift: int) -> Tensor:
        batch, height, width, three = qkv.shape
        o = torch.empty(batch, height, width, three // 3, dtype=qkv.dtype, device=qkv.device)
        lse = torch.empty(batch, height, width, heads, dtype=torch.float32, device=qkv.device)
        size = three // 3 // heads
        image = (height, width, triton.cdiv(height, window), triton.cdiv(width, window))
        ctx.rest = (heads, image, shift, 1 / math.sqrt(size))
        ctx.programs = batch * image[2] * image[3] * heads
        ctx.sizes = (size, window)
        if o.numel():
            sizes = constants(forward_tile(padded_head(size), qkv.element_size()), *ctx.sizes)
            tiles = triton.cdiv(window**2, sizes["QUERIES"])
            forward_kernel[(ctx.programs * tiles,)](
                qkv, o, lse, *ctx.rest, qkv.stride()[2:], **sizes
            )
        ctx.save_for_backward(qkv, o, lse)
        return o

    @staticmethod
    def backward(ctx, do: Tensor) -> tuple[Tensor, None, None, None]:
        qkv, o, lse = ctx.saved_tensors
        do = do.contiguous()
        dqkv, delta = torch.empty_like(qkv), torch.empty_like(lse)
        if dqkv.numel():
            (size, window), strides = ctx.sizes, (qkv.stride()[2:], do.stride()[2:])
            chosen = (padded_head(size), qkv.element_size())
            sizes = constants(backward_queries_tile(*chosen), size, window)
            query_kernel[(ctx.programs * triton.cdiv(window**2, sizes["QUERIES"]),)](
                qkv, o, do, lse, delta, dqkv, *ctx.rest, strides, **sizes
            )
            sizes = constants(backward_keys_tile(*chosen), size, window)
            key_kernel[(ctx.programs * triton.cdiv(window**2, sizes["KEYS"]),)](
                qkv, do, lse, delta, dqkv, *ctx.rest, strides, **sizes
            )
        return dqkv, None, None, None


def shifted_window_attention(
    x: Tensor, Wqkv: Tensor, bqkv: Tensor, Wo: Tensor, bo: Tensor, *, heads: int, window: int,
    shift: int = 0,
) -> Tensor:  # fmt: skip
    """Multi-head attention within windows of x[B,Hh,Ww,E], shifted by `shift` -> [B,Hh,Ww,E].

    Wqkv[E,3E] and bqkv[3E] give queries, keys and values, Wo[E,E], bo[E]; one dtype (float32,
    bfloat16, float16), any strides, E / heads up to 256, any window. Sizes that the window does not
    divide count as padded below and to the right before the roll by -shift; padding is not seen and
    costs no projection. The projections are products of torch; between them one kernel forward and
    two backward read each pixel's queries, keys and values where they lie: nothing is padded,
    rolled, cut or masked in memory. Scores, sums and accumulator are float32. The same call gives
    the same bits. Source: Liu et al. 2021, arXiv:2103.14030, section 3.2.
    """
    check_floats(x=x, Wqkv=Wqkv, bqkv=bqkv, Wo=Wo, bo=bo)
    if x.dim() != 4:
        raise ValueError(f"x.shape={tuple(x.shape)}; expected (B, Hh, Ww, E)")
    width = x.shape[3]
    if heads < 1 or width % heads or not 1 <= width // heads <= LARGEST_HEAD:
        raise ValueError(
            f"heads={heads}, E={width}; expected heads to divide E, and E / heads from 1 to "
            f"{LARGEST_HEAD}"
        )
    if window < 1 or not 0 <= shift < window:
        raise ValueError(f"window={window}, shift={shift}; expected 0 <= shift < window")
    check_shape("Wqkv", Wqkv, (width, 3 * width))
    check_shape("bqkv", bqkv, (3 * width,))
    check_shape("Wo", Wo, (width, width))
    check_shape("bo", bo, (width,))
    qkv = torch.nn.functional.linear(x, Wqkv.t(), bqkv)
    o = _Windows.apply(qkv.contiguous(), heads, window, shift)
    return torch.nn.functional.linear(o, Wo.t(), bo)
