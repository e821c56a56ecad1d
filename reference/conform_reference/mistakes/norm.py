"""Normalisation that went wrong in ways no expression over the oracle says."""

import torch
from torch import Tensor


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
