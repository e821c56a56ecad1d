"""The kernels behind router and moe_layer: probabilities of all experts, the best of them, back."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats, check_shape
from conform_kernels._config import MOST_EXPERTS, route_tile


@triton.jit
def route_kernel(
    x, gate, probs, indices, weights, sizes, strides,
    TOKENS: tl.constexpr, EXPERTS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """softmax(x gate) of TOKENS tokens, and the largest of each: ties go to the lower index.

    sizes = (tokens, width, experts, top_k); strides = those of x and of gate[width, experts].
    probs float32[tokens, experts] or None, indices int64 and weights [tokens, top_k]: contiguous.
    A row with NaN chooses its NaN first, then by probability: indices stay distinct and in range.
    """
    token = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)
    n = tl.arange(0, EXPERTS)
    alive, real = (token < sizes[0])[:, None], (n < sizes[2])[None, :]
    logits = tl.zeros([TOKENS, EXPERTS], tl.float32)
    for start in range(0, sizes[1], INNER):
        at = start + tl.arange(0, INNER).to(tl.int64)
        inside = at < sizes[1]
        where = x + token[:, None] * strides[0][0] + at[None, :] * strides[0][1]
        part = tl.load(where, mask=alive & inside[None, :], other=0.0)
        where = gate + at[:, None] * strides[1][0] + n[None, :].to(tl.int64) * strides[1][1]
        w = tl.load(where, mask=inside[:, None] & real, other=0.0)
        logits = tl.dot(part, w, logits, input_precision="ieee")
    logits = tl.where(real, logits, -float("inf"))
    p = tl.exp(logits - tl.max(logits, 1)[:, None])
    p = p / tl.sum(p, 1)[:, None]
    if probs is not None:
        tl.store(probs + token[:, None] * sizes[2] + n[None, :], p, mask=alive & real)
    # What was taken falls below all probabilities, what is no expert below that.
    rank = tl.where(real, tl.where(p == p, p, float("inf")), -2.0)
    for choice in range(sizes[3]):
        best = tl.max(rank, 1)
        taken = tl.min(tl.where(rank == best[:, None], n[None, :], EXPERTS), 1)
        mine = n[None, :] == taken[:, None]
        weight = tl.sum(tl.where(mine, p, 0.0), 1)
        rank = tl.where(mine, -1.0, rank)
        where = token * sizes[3] + choice
        tl.store(indices + where, taken.to(tl.int64), mask=token < sizes[0])
        tl.store(weights + where, weight, mask=token < sizes[0])


@triton.jit
def route_backward_kernel(
    probs, indices, up, slots, grad, sizes, strides,
    TOKENS: tl.constexpr, EXPERTS: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """The gradient of the logits from `up`, that of the weights: p (up - sum p up).

    sizes = (tokens, experts, top_k, parts); strides = those of up[tokens, top_k]. With slots
    [tokens, top_k] up is [rows, parts] instead, to be added up at each choice's row, and nothing
    where that is -1. Everything else is contiguous.
    """
    token = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)
    n = tl.arange(0, EXPERTS)
    alive = token < sizes[0]
    keep = alive[:, None] & (n < sizes[1])[None, :]
    p = tl.load(probs + token[:, None] * sizes[1] + n[None, :], mask=keep, other=0.0)
    d = tl.zeros([TOKENS, EXPERTS], tl.float32)
    for choice in range(sizes[2]):
        taken = tl.load(indices + token * sizes[2] + choice, mask=alive, other=-1)
        if slots is None:
            v = tl.load(up + token * strides[0] + choice * strides[1], mask=alive, other=0.0)
            v = v.to(tl.float32)
        else:
            slot = tl.load(slots + token * sizes[2] + choice, mask=alive, other=-1)
            v = tl.zeros([TOKENS], tl.float32)
            for start in range(0, sizes[3], PARTS):
                part = start + tl.arange(0, PARTS)
                keep_part = (slot >= 0)[:, None] & (part < sizes[3])[None, :]
                where = up + slot[:, None] * sizes[3] + part[None, :]
                v += tl.sum(tl.load(where, mask=keep_part, other=0.0), 1)
        d += tl.where(n[None, :] == taken[:, None], v[:, None], 0.0)
    g = p * (d - tl.sum(p * d, 1)[:, None])
    tl.store(grad + token[:, None] * sizes[1] + n[None, :], g, mask=keep)


def check_router(x: Tensor, Wg: Tensor, top_k: int, **more: Tensor) -> None:
    """Raise ValueError unless x[T,E] and Wg[E,N] fit, N is not too large, and top_k in 1 .. N."""
    check_floats(x=x, Wg=Wg, **more)
    check_shape("x", x, (None, None))
    check_shape("Wg", Wg, (x.shape[1], None))
    experts = Wg.shape[1]
    if not 1 <= experts <= MOST_EXPERTS:
        raise ValueError(f"Wg.shape={tuple(Wg.shape)}; expected 1 to {MOST_EXPERTS} experts")
    if not 1 <= top_k <= experts:
        raise ValueError(f"top_k={top_k}; expected 1 to {experts} (Wg.shape[1], the experts)")


def route(
    x: Tensor, Wg: Tensor, top_k: int, dtype: torch.dtype, saved: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """(indices int64[T,k], weights[T,k] of `dtype`, probabilities float32[T,N] if `saved`)."""
    tokens, experts = x.shape[0], Wg.shape[1]
    indices = torch.empty(tokens, top_k, dtype=torch.int64, device=x.device)
    weights = torch.empty(tokens, top_k, dtype=dtype, device=x.device)
    probs = torch.empty(tokens, experts, dtype=torch.float32, device=x.device) if saved else None
    if tokens:
        tile = route_tile(experts, x.element_size())
        route_kernel[(triton.cdiv(tokens, tile.tokens),)](
            x, Wg, probs, indices, weights, (*x.shape, experts, top_k), (x.stride(), Wg.stride()),
            TOKENS=tile.tokens, EXPERTS=tile.experts, INNER=tile.inner, num_warps=tile.num_warps,
            num_stages=tile.num_stages,
        )  # fmt: skip
    return indices, weights, probs


def logit_gradient(
    probs: Tensor, indices: Tensor, up: Tensor, dtype: torch.dtype, slots: Tensor | None = None
) -> Tensor:
    """The gradient [T,N] of the logits, in `dtype`, from that of the weights, up[T,k].

    With slots[T,k] the latter is the sum of up[rows, parts] over the parts of a choice's row.
    """
    grad = torch.empty(probs.shape, dtype=dtype, device=probs.device)
    if grad.numel():
        tile = route_tile(probs.shape[1], grad.element_size())
        route_backward_kernel[(triton.cdiv(probs.shape[0], tile.tokens),)](
            probs, indices, up, slots, grad, (*probs.shape, indices.shape[1], up.shape[1]),
            up.stride(), TOKENS=tile.tokens, EXPERTS=tile.experts, PARTS=16,
            num_warps=tile.num_warps,
        )  # fmt: skip
    return grad
