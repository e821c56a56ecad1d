"""Position code that went wrong in ways no expression over the oracle says.

Each function has the signature of its operator and computes in the width that it is given, save for
the step that is the mistake.
"""

import torch
from torch import Tensor

from conform_reference._check import compute_dtype
from conform_reference.position import relative_position_bucket, sinusoidal_encoding


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


def _table(angle: Tensor) -> Tensor:
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(-2)


def sinusoid_positions_in_bfloat16(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """The positions were counted in half precision."""
    time = _bf16(torch.arange(length, dtype=torch.float64))
    return _table(time[:, None] * _frequencies(dim, base, torch.float64))


def sinusoid_angles_in_bfloat16(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """The products of position and frequency were kept in half precision."""
    time = torch.arange(length, dtype=torch.float64)
    return _table(_bf16(time[:, None] * _frequencies(dim, base, torch.float64)))


def sinusoid_exponent_by_column(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """Column i has frequency base^(-i/dim), so that a pair's two columns differ."""
    angle = torch.arange(length, dtype=torch.float64)[:, None] * torch.pow(
        base, -torch.arange(dim, dtype=torch.float64) / dim
    )
    even = torch.arange(dim) % 2 == 0
    return torch.where(even, torch.sin(angle), torch.cos(angle))


def sinusoid_pairs_from_one(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """Pairs are counted from 1, as on the CMU slide."""
    time = torch.arange(length, dtype=torch.float64)
    return _table(time[:, None] * _frequencies(dim, base, torch.float64) * base ** (-2 / dim))


def sinusoid_length_clamped(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """A table of 256 rows serves all lengths; its last row is repeated."""
    table = sinusoidal_encoding(min(length, 256), dim, base=base)
    return table[torch.arange(length).clamp(max=255)]


def _log_bucket(distance: Tensor, exact: int, each: int, max_distance: int) -> Tensor:
    """T5's logarithmic part, not rounded to an integer."""
    ratio = torch.log(distance.clamp(min=1).double() / exact)
    span = torch.log(torch.tensor(max_distance / exact, dtype=torch.float64))
    return exact + ratio / span * (each - exact)


def _with_log_part(
    relative: Tensor, bidirectional: bool, buckets: int, max_distance: int, up: bool
) -> Tensor:
    each = buckets // 2 if bidirectional else buckets
    exact = each // 2
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    far = _log_bucket(distance, exact, each, max_distance)
    far = torch.ceil(far - 1e-9).clamp(max=each - 1) if up else torch.floor(far + 1e-9)
    bucket = torch.where(distance < exact, distance, far.to(torch.int64))
    return bucket + each * (relative > 0) if bidirectional else bucket


def bucket_rounds_up(
    relative: Tensor, *, bidirectional: bool = True, buckets: int = 32, max_distance: int = 128
) -> Tensor:
    """The logarithmic part is rounded up."""
    relative_position_bucket(
        relative, bidirectional=bidirectional, buckets=buckets, max_distance=max_distance
    )  # for its argument checks
    return _with_log_part(relative, bidirectional, buckets, max_distance, up=True)


def bucket_not_clamped(
    relative: Tensor, *, bidirectional: bool = True, buckets: int = 32, max_distance: int = 128
) -> Tensor:
    """Distances beyond max_distance get buckets of their own."""
    return _with_log_part(relative, bidirectional, buckets, max_distance, up=False)
