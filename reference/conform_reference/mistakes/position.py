"""Rotary embeddings that went wrong in ways no expression over the oracle says.

Each function has the signature of its operator and computes in the width that it is given, save for
the step that is the mistake.
"""

import torch
from torch import Tensor

from conform_reference._check import compute_dtype
from conform_reference.position import rope


def _bf16(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16).to(x.dtype)


def _frequencies(width: int, base: float, dtype: torch.dtype) -> Tensor:
    return torch.pow(base, -torch.arange(0, width, 2, dtype=dtype) / width)


def _place(x: Tensor, positions: Tensor) -> Tensor:
    if positions.dim() == 2:
        return positions.reshape(positions.shape[0], *[1] * (x.dim() - 3), positions.shape[1])
    return positions


def _turned(x: Tensor, angle: Tensor, interleaved: bool, minus: float = -1.0) -> Tensor:
    """The rotation of x[..., L, R] by angle[..., L, R/2]; `minus` is the sign of the sine above."""
    half = x.shape[-1] // 2
    a = x[..., 0::2] if interleaved else x[..., :half]
    b = x[..., 1::2] if interleaved else x[..., half:]
    cos, sin = torch.cos(angle), torch.sin(angle)
    first, second = a * cos + minus * b * sin, b * cos + a * sin
    if interleaved:
        return torch.stack([first, second], dim=-1).flatten(-2)
    return torch.cat([first, second], dim=-1)


def rope_positions_in_bfloat16(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """Positions were created in, or cast to, the model's half precision."""
    width = rotary_dim or x.shape[-1]
    dtype = compute_dtype(x)
    place = _bf16(_place(x, positions).to(dtype)) / scaling
    angle = place[..., None] * _frequencies(width, base, dtype)
    turned = _turned(x[..., :width].to(dtype), angle, interleaved)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)


def rope_frequencies_in_bfloat16(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """The buffer of inverse frequencies was cast together with the weights."""
    width = rotary_dim or x.shape[-1]
    dtype = compute_dtype(x)
    place = _place(x, positions).to(dtype) / scaling
    angle = place[..., None] * _bf16(_frequencies(width, base, dtype))
    turned = _turned(x[..., :width].to(dtype), angle, interleaved)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)


def rope_pairing_mixed(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """The features are paired one way, the tables laid out for the other."""
    width = rotary_dim or x.shape[-1]
    dtype = compute_dtype(x)
    angle = (_place(x, positions).to(dtype) / scaling)[..., None] * _frequencies(width, base, dtype)
    y = x[..., :width].to(dtype)
    if interleaved:
        table = torch.cat([angle, angle], dim=-1)
        swapped = torch.stack([-y[..., 1::2], y[..., 0::2]], dim=-1).flatten(-2)
    else:
        table = torch.stack([angle, angle], dim=-1).flatten(-2)
        swapped = torch.cat([-y[..., width // 2 :], y[..., : width // 2]], dim=-1)
    turned = y * torch.cos(table) + swapped * torch.sin(table)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)


def rope_without_minus(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """The second half is swapped in without its minus sign: no rotation any more."""
    width = rotary_dim or x.shape[-1]
    dtype = compute_dtype(x)
    angle = (_place(x, positions).to(dtype) / scaling)[..., None] * _frequencies(width, base, dtype)
    turned = _turned(x[..., :width].to(dtype), angle, interleaved, minus=1.0)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)


def rope_mirrored_pairs(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """Features are paired from both ends inwards (half-split only)."""
    width = rotary_dim or x.shape[-1]
    half = width // 2
    order = list(range(half)) + list(range(half, width))[::-1] + list(range(width, x.shape[-1]))
    mixed = x if interleaved else x[..., order]
    y = rope(
        mixed,
        positions,
        base=base,
        scaling=scaling,
        interleaved=interleaved,
        rotary_dim=rotary_dim,
    )
    return y if interleaved else y[..., order]


def rope_reads_token_before(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """The partner of a feature is found by an offset in flat memory, not within its token."""
    width = rotary_dim or x.shape[-1]
    dtype = compute_dtype(x)
    angle = (_place(x, positions).to(dtype) / scaling)[..., None] * _frequencies(width, base, dtype)
    y = x[..., :width].to(dtype)
    if interleaved:
        turned = _turned(y, angle, True)
    else:
        table = torch.cat([angle, angle], dim=-1)
        flat = torch.roll(y.flatten(-2), width // 2, dims=-1).reshape(y.shape)
        sign = torch.where(torch.arange(width) < width // 2, -1.0, 1.0).to(dtype)
        turned = y * torch.cos(table) + flat * sign * torch.sin(table)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)


def rope_gradient_forwards(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """Right in the forward pass; the gradient is turned the same way instead of back."""
    y = rope(
        x, positions, base=base, scaling=scaling, interleaved=interleaved, rotary_dim=rotary_dim
    )
    back = rope(
        x, -positions, base=base, scaling=scaling, interleaved=interleaved, rotary_dim=rotary_dim
    )
    return y.detach() + (back - back.detach())
