"""Position tables and buckets that went wrong in ways no expression over the oracle says."""

import torch
from torch import Tensor

from conform_reference.position import (
    alibi_slopes,
    relative_position_bucket,
    sinusoidal_encoding,
)


def _bf16(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16).to(x.dtype)


def _frequencies(dim: int, base: float) -> Tensor:
    return torch.pow(base, -torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def _table(angle: Tensor) -> Tensor:
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(-2)


def sinusoid_positions_in_bfloat16(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """The positions were counted in half precision."""
    time = _bf16(torch.arange(length, dtype=torch.float64))
    return _table(time[:, None] * _frequencies(dim, base))


def sinusoid_angles_in_bfloat16(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """The products of position and frequency were kept in half precision."""
    time = torch.arange(length, dtype=torch.float64)
    return _table(_bf16(time[:, None] * _frequencies(dim, base)))


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
    return _table(time[:, None] * _frequencies(dim, base) * base ** (-2 / dim))


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


def bucket_wraps(
    relative: Tensor, *, bidirectional: bool = True, buckets: int = 32, max_distance: int = 128
) -> Tensor:
    """Distances beyond max_distance start over with the first bucket of their direction."""
    each = buckets // 2 if bidirectional else buckets
    bucket = _with_log_part(relative, bidirectional, buckets, max_distance, up=False)
    later = each * (relative > 0) if bidirectional else torch.zeros_like(relative)
    return (bucket - later) % each + later


def sinusoid_relative_to_length(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """Positions run from 0 to 2 pi whatever the length (as for image coordinates)."""
    time = torch.arange(length, dtype=torch.float64) * (2 * torch.pi / max(length, 1))
    return _table(time[:, None] * _frequencies(dim, base))


def alibi_positions_in_bfloat16(heads: int, Lq: int, Lk: int) -> Tensor:
    """Positions are counted in half precision."""
    query = _bf16(torch.arange(Lq, dtype=torch.float64) + (Lk - Lq))
    key = _bf16(torch.arange(Lk, dtype=torch.float64))
    return -alibi_slopes(heads)[:, None, None] * (query[:, None] - key).clamp(min=0)
