"""Normalisation that went wrong in ways no expression over the oracle says."""

import torch
from torch import Tensor

from conform_reference.norm import add_layer_norm, add_rms_norm


def layer_norm_one_pass(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """The variance as E[x^2] - E[x]^2 in float32 (flax's use_fast_variance)."""
    y = x.to(torch.float32)
    mean = y.mean(-1, keepdim=True)
    variance = ((y * y).mean(-1, keepdim=True) - mean * mean).clamp(min=0)
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)


def layer_norm_half_statistics(
    x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> Tensor:
    """Mean and variance pass through bfloat16."""
    mean = x.mean(-1, keepdim=True).to(torch.bfloat16).to(x.dtype)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True).to(torch.bfloat16).to(x.dtype)
    return (x - mean) * torch.rsqrt(variance + eps) * gamma + beta


def layer_norm_constant_statistics(
    x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> Tensor:
    """Right in the forward pass; no gradient flows through mean and variance."""
    mean = x.mean(-1, keepdim=True).detach()
    variance = ((x - mean) ** 2).mean(-1, keepdim=True).detach()
    return (x - mean) * torch.rsqrt(variance + eps) * gamma + beta


def rms_norm_squares_in_float16(x: Tensor, gamma: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Squares are taken in float16, where 256^2 is infinite."""
    half = x.to(torch.float16)
    mean_square = (half * half).to(x.dtype).mean(-1, keepdim=True)
    return x * torch.rsqrt(mean_square + eps) * gamma


def rms_norm_root_in_bfloat16(x: Tensor, gamma: Tensor, *, eps: float = 1e-6) -> Tensor:
    """The reciprocal root passes through bfloat16."""
    root = torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)
    return x * root.to(torch.bfloat16).to(x.dtype) * gamma


def _full_tiles(x: Tensor) -> Tensor:
    """The features up to the last full tile of 8 (all of them if there is none)."""
    return x[..., : x.shape[-1] // 8 * 8 or x.shape[-1]]


def layer_norm_tile_tail(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """The statistics leave out what does not fill a tile."""
    part = _full_tiles(x)
    mean = part.mean(-1, keepdim=True)
    variance = ((part - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + eps) * gamma + beta


def rms_norm_tile_tail(x: Tensor, gamma: Tensor, *, eps: float = 1e-6) -> Tensor:
    """The mean square leaves out what does not fill a tile."""
    mean_square = (_full_tiles(x) ** 2).mean(-1, keepdim=True)
    return x * torch.rsqrt(mean_square + eps) * gamma


def _sum_in_bfloat16(x: Tensor, residual: Tensor) -> Tensor:
    return (x.to(torch.bfloat16) + residual.to(torch.bfloat16)).to(x.dtype)


def add_rms_norm_sum_in_bfloat16(
    x: Tensor, residual: Tensor, gamma: Tensor, *, eps: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """The residual stream passes through bfloat16 at every layer."""
    total = _sum_in_bfloat16(x, residual)
    return add_rms_norm(total, torch.zeros_like(x), gamma, eps=eps)


def add_rms_norm_residual_detached(
    x: Tensor, residual: Tensor, gamma: Tensor, *, eps: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """Right in the forward pass; the residual gets no gradient."""
    return add_rms_norm(x, residual.detach() + 0.0 * residual, gamma, eps=eps)


def add_rms_norm_stream_detached(
    x: Tensor, residual: Tensor, gamma: Tensor, *, eps: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """The gradient that comes back along the stream is not added."""
    normed, total = add_rms_norm(x, residual, gamma, eps=eps)
    return normed, total.detach() + 0.0 * total


def add_layer_norm_sum_in_bfloat16(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """The residual stream passes through bfloat16 at every layer."""
    total = _sum_in_bfloat16(x, residual)
    return add_layer_norm(total, torch.zeros_like(x), gamma, beta, eps=eps)


def add_layer_norm_residual_detached(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Right in the forward pass; the residual gets no gradient."""
    return add_layer_norm(x, residual.detach() + 0.0 * residual, gamma, beta, eps=eps)


def add_layer_norm_stream_detached(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """The gradient that comes back along the stream is not added."""
    normed, total = add_layer_norm(x, residual, gamma, beta, eps=eps)
    return normed, total.detach() + 0.0 * total


def add_layer_norm_one_pass(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """The variance of the sum as E[s^2] - E[s]^2 in float32."""
    total = x + residual
    return layer_norm_one_pass(total, gamma, beta, eps=eps), total
