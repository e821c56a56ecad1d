"""Attention's launchers and its autograd Function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from conform_kernels._attention_backward import delta_kernel, key_kernel, query_kernel
from conform_kernels._attention_forward import forward_kernel
from conform_kernels._config import (
    AttentionTile,
    backward_keys_tile,
    backward_queries_tile,
    forward_tile,
    padded_head,
)

_NO_STRIDES = (0, 0, 0, 0)


@dataclass(frozen=True)
class Settings:
    """What is no tensor."""

    causal: bool
    window: int | None
    scale: float
    softcap: float | None


@dataclass(frozen=True)
class _Launch:
    """What all kernels of one call are given."""

    q: Tensor
    k: Tensor
    v: Tensor
    bias: Tensor | None
    mask: Tensor | None
    settings: Settings

    @property
    def group(self) -> int:
        return self.q.shape[1] // self.k.shape[1]

    @property
    def sizes(self) -> tuple[int, int, int | None]:
        return (self.q.shape[2], self.k.shape[2], self.settings.window)

    @property
    def strides(self) -> tuple[tuple[int, ...], ...]:
        tensors = (self.q, self.k, self.v, self.bias, self.mask)
        return tuple(_NO_STRIDES if t is None else t.stride() for t in tensors)

    def constants(self, choose: Callable[..., AttentionTile]) -> dict[str, int | bool]:
        """Sizes of heads and tiles, and how many warps and stages."""
        head, value = self.q.shape[3], self.v.shape[3]
        widest = max(padded_head(head), padded_head(value))
        extras = self.bias is not None or self.mask is not None
        tile = choose(widest, self.q.element_size(), extras)
        return {
            "D": head, "DV": value, "BD": padded_head(head), "BDV": padded_head(value),
            "QUERIES": tile.queries, "KEYS": tile.keys, "CAUSAL": self.settings.causal,
            "num_warps": tile.num_warps, "num_stages": tile.num_stages,
        }  # fmt: skip


class Attention(torch.autograd.Function):
    """(o, natural log-sum-exp in float32) of checked arguments; bias and mask are expanded."""

    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, mask, settings: Settings) -> tuple[Tensor, Tensor]:
        """One kernel; keeps o and the log-sum-exp in base 2 for the way back."""
        call = _Launch(q, k, v, bias, mask, settings)
        batch, heads, queries, _ = q.shape
        o = torch.empty(batch, heads, queries, v.shape[3], dtype=q.dtype, device=q.device)
        lse = torch.empty(batch, heads, queries, dtype=torch.float32, device=q.device)
        if lse.numel():
            constants = call.constants(forward_tile)
            forward_kernel[(triton.cdiv(queries, constants["QUERIES"]) * batch * heads,)](
                q, k, v, bias, mask, sinks, o, lse, heads, call.group, call.sizes, settings.scale,
                settings.softcap, call.strides, **constants,
            )  # fmt: skip
        ctx.save_for_backward(q, k, v, bias, sinks, mask, o, lse)
        ctx.settings = settings
        ctx.set_materialize_grads(False)
        return o, lse * math.log(2)

    @staticmethod
    def backward(ctx, do: Tensor | None, dlse: Tensor | None):
        """dq, dk, dv, and where asked dbias and dsinks."""
        q, k, v, bias, sinks, mask, o, lse = ctx.saved_tensors
        do = torch.zeros_like(o) if do is None else do
        call = _Launch(q, k, v, bias, mask, ctx.settings)
        delta = compute_delta(o, do, None if dlse is None else dlse.contiguous())
        dscores = None
        if bias is not None and ctx.needs_input_grad[3]:
            dscores = torch.zeros(bias.shape, dtype=torch.float32, device=q.device)
        dq, dk, dv = _gradients(call, do, lse, delta, dscores)
        dbias = None if dscores is None else dscores.to(bias.dtype)
        dsinks = None
        if sinks is not None and ctx.needs_input_grad[4]:
            held = torch.where(torch.isneginf(lse), math.inf, lse)
            weight = torch.exp2(sinks.float()[:, None] * math.log2(math.e) - held)
            dsinks = -(weight * delta).sum((0, 2)).to(sinks.dtype)
        return dq, dk, dv, dbias, dsinks, None, None


def compute_delta(o: Tensor, do: Tensor, dlse: Tensor | None) -> Tensor:
    """sum(o do) - dlse over the features: float32[B, H, L]."""
    delta = torch.empty(o.shape[:3], dtype=torch.float32, device=o.device)
    if delta.numel():
        rows = 32
        delta_kernel[(triton.cdiv(delta.numel(), rows),)](
            o, do, dlse, delta, delta.numel(), (o.shape[1], o.shape[2], *do.stride()),
            DV=o.shape[3], BDV=padded_head(o.shape[3]), QUERIES=rows,
        )  # fmt: skip
    return delta


def _gradients(
    call: _Launch, do: Tensor, lse: Tensor, delta: Tensor, dscores: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = call.q, call.k, call.v
    dq, dk, dv = (torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (q, k, v))
    strides = (*call.strides, do.stride())
    rest = (q.shape[1], call.group, call.sizes, call.settings.scale, call.settings.softcap, strides)
    inputs = (q, k, v, call.bias, call.mask, do, lse, delta)
    if dq.numel():
        constants = call.constants(backward_queries_tile)
        tiles = triton.cdiv(q.shape[2], constants["QUERIES"])
        query_kernel[(tiles * q.shape[0] * q.shape[1],)](*inputs, dq, dscores, *rest, **constants)
    if dk.numel():
        constants = call.constants(backward_keys_tile)
        tiles = triton.cdiv(k.shape[2], constants["KEYS"])
        key_kernel[(tiles * k.shape[0] * k.shape[1],)](*inputs, dk, dv, *rest, **constants)
    return dq, dk, dv
