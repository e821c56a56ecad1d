"""Gated feed-forward: activation and product fused, forward and backward; products by torch."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._activate import activate, slope
from conform_kernels._checks import check_floats, check_shape
from conform_kernels._config import flat_tile

__all__ = ["glu_feed_forward"]

_KINDS = ("sigmoid", "identity", "relu", "gelu", "swish")


@triton.jit
def _forward(a, b, y, count, KIND: tl.constexpr, BLOCK: tl.constexpr):
    """y = KIND(a) b, all contiguous."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    gate = tl.load(a + at, mask=at < count, other=0.0).to(tl.float32)
    value = tl.load(b + at, mask=at < count, other=0.0).to(tl.float32)
    tl.store(y + at, activate(gate, 1.0, KIND) * value, mask=at < count)


@triton.jit
def _backward(a, b, dy, da, db, count, KIND: tl.constexpr, BLOCK: tl.constexpr):
    """da = dy b KIND'(a), db = dy KIND(a), all contiguous; KIND(a) is computed anew."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    keep = at < count
    gate = tl.load(a + at, mask=keep, other=0.0).to(tl.float32)
    value = tl.load(b + at, mask=keep, other=0.0).to(tl.float32)
    up = tl.load(dy + at, mask=keep, other=0.0).to(tl.float32)
    tl.store(da + at, up * value * slope(gate, 1.0, KIND), mask=keep)
    tl.store(db + at, up * activate(gate, 1.0, KIND), mask=keep)


class GatedProduct(torch.autograd.Function):
    """KIND(a) b of one shape; three reads or writes an element forward, five backward."""

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, kind: str) -> Tensor:
        """One kernel; keeps a and b."""
        a, b, tile = a.contiguous(), b.contiguous(), flat_tile()
        y = torch.empty_like(a)
        if a.numel():
            _forward[(triton.cdiv(a.numel(), tile.elements),)](
                a, b, y, a.numel(), KIND=kind, BLOCK=tile.elements, num_warps=tile.num_warps
            )
        ctx.save_for_backward(a, b)
        ctx.kind = kind
        return y

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor, Tensor, None]:
        """One kernel for both gradients."""
        (a, b), tile = ctx.saved_tensors, flat_tile()
        da, db = torch.empty_like(a), torch.empty_like(b)
        if a.numel():
            _backward[(triton.cdiv(a.numel(), tile.elements),)](
                a, b, dy.contiguous(), da, db, a.numel(),
                KIND=ctx.kind, BLOCK=tile.elements, num_warps=tile.num_warps,
            )  # fmt: skip
        return da, db, None


def glu_feed_forward(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """(activation(x W) * (x V)) W2: x[..., E], W and V [E, F], W2[F, E] -> [..., E].

    One dtype (float32, bfloat16, float16), any strides. Activations sigmoid, identity, relu, gelu
    (exact), swish. The three products are torch's; activation and gating are one kernel forward and
    one backward. Source: Shazeer 2020, arXiv:2002.05202.
    """
    check_floats(x=x, W=W, V=V, W2=W2)
    if activation not in _KINDS:
        raise ValueError(f"activation={activation!r}; expected one of {', '.join(_KINDS)}")
    check_shape("W", W, (x.shape[-1], None))
    check_shape("V", V, tuple(W.shape))
    check_shape("W2", W2, (W.shape[1], None))
    return GatedProduct.apply(x @ W, x @ V, activation) @ W2
