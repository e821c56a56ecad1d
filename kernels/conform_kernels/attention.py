"""Scaled dot-product attention, forward and backward, with or without its log-sum-exp."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from conform_kernels._attention import Attention, Settings
from conform_kernels._checks import FLOATS, check_device, check_floats
from conform_kernels._config import LARGEST_HEAD

__all__ = ["attention", "attention_with_lse"]


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Tensor:
    """softmax(scale q k^T + bias) v over the visible keys: [B, H, Lq, Dv].

    q[B,H,Lq,D], k[B,K,Lk,D], v[B,K,Lk,Dv] of one dtype (float32, bfloat16, float16), any strides, D
    and Dv up to 256; query head h reads head h // (H // K). causal: key j <= i + Lk - Lq; window w:
    the w nearest keys (on both sides unless causal). mask (bool, True = may attend) and bias
    broadcast to [B,H,Lq,Lk]; softcap c: scores become c tanh(scores / c) before bias; sinks[H]: one
    more logit a head, in the denominator only. A row without visible keys gives zeros. Scores, sums
    and accumulator are float32; probabilities are rounded to the inputs' dtype for the product with
    v. Differentiable in q, k, v, bias and sinks; the same call gives the same bits. Source: Dao
    2023, arXiv:2307.08691.
    """
    return attention_with_lse(
        q, k, v,
        causal=causal, window=window, mask=mask, bias=bias, scale=scale, softcap=softcap,
        sinks=sinks,
    )[0]  # fmt: skip


def attention_with_lse(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As `attention`, and the natural log of the denominator: float32[B, H, Lq].

    It counts the sinks; a row without visible keys (and sinks) has -inf. Differentiable in it, too.
    """
    check_floats(q=q, k=k, v=v)
    check_shapes(q, k, v)
    if window is not None and window < 1:
        raise ValueError(f"window={window}; expected at least 1, or None")
    if softcap is not None and softcap <= 0:
        raise ValueError(f"softcap={softcap}; expected a positive number, or None")
    shape = (q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(f"mask.dtype={mask.dtype}; expected bool (floats are a bias)")
    mask = None if mask is None else _expanded("mask", mask, shape, q).view(torch.uint8)
    bias = None if bias is None else _expanded("bias", bias, shape, q)
    if sinks is not None and tuple(sinks.shape) != shape[1:2]:
        raise ValueError(f"sinks.shape={tuple(sinks.shape)}; expected ({shape[1]},), one a head")
    sinks = None if sinks is None else sinks.contiguous()
    scale = 1 / math.sqrt(q.shape[3]) if scale is None else float(scale)
    settings = Settings(causal, window, scale, None if softcap is None else float(softcap))
    return Attention.apply(q, k, v, bias, sinks, mask, settings)


def check_shapes(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Raise ValueError unless q[B,H,Lq,D], k[B,K,Lk,D] and v[B,K,Lk,Dv] fit together."""
    shapes = f"q.shape={tuple(q.shape)}, k.shape={tuple(k.shape)}, v.shape={tuple(v.shape)}"
    if not q.dim() == k.dim() == v.dim() == 4:
        raise ValueError(f"{shapes}; expected four dimensions (batch, heads, length, features)")
    if q.shape[0] != k.shape[0] or k.shape[:3] != v.shape[:3] or q.shape[3] != k.shape[3]:
        raise ValueError(f"{shapes}; expected (B,H,Lq,D), (B,K,Lk,D), (B,K,Lk,Dv)")
    if k.shape[1] < 1 or q.shape[1] % k.shape[1]:
        raise ValueError(f"{shapes}; expected K={k.shape[1]} to divide H={q.shape[1]}")
    if not (1 <= q.shape[3] <= LARGEST_HEAD and 1 <= v.shape[3] <= LARGEST_HEAD):
        raise ValueError(f"{shapes}; expected D and Dv from 1 to {LARGEST_HEAD}")


def _expanded(name: str, x: Tensor, shape: tuple[int, ...], like: Tensor) -> Tensor:
    check_device(q=like, **{name: x})
    if name == "bias" and x.dtype not in FLOATS:
        raise ValueError(f"bias.dtype={x.dtype}; expected float32, bfloat16 or float16")
    try:
        return x.expand(shape)
    except RuntimeError:
        raise ValueError(
            f"{name}.shape={tuple(x.shape)}; expected something that broadcasts to {shape}"
        ) from None
