"""Position operators: sinusoidal encoding, rotary embedding, ALiBi, T5 relative buckets."""

import math

import torch
from torch import Tensor

from conform_reference._check import at_least, compute_dtype
from conform_reference.rounding import mark


def _even(name: str, value: int) -> None:
    if value < 2 or value % 2:
        raise ValueError(
            f"{name}={value}: expected an even number of at least 2; features are paired, pad them"
        )


def _positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(
            f"{name}={value!r}: expected a positive finite number; 1.0 changes nothing"
        )


def _frequencies(x: Tensor, width: int, base: float, dtype: torch.dtype) -> Tensor:
    """[..., width/2] for x[..., D]: base^(-2i/width), falling from 1; the same for all of x."""
    exponent = -torch.arange(0, width, 2, dtype=dtype) + torch.zeros_like(x[..., :1], dtype=dtype)
    return torch.pow(base, exponent / width)


def sinusoidal_encoding(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
    """Sinusoidal position table [length, dim]: sin(t w_i) in column 2i, cos(t w_i) in 2i + 1.

    w_i = base^(-2i/dim) for i = 0 .. dim/2 - 1. The result is float64.
    Raises ValueError for a negative length, an odd dim, a base that is not positive.
    Source: Vaswani et al. 2017, section 3.5; CMU deck (whose index starts at 1, a slip).
    """
    at_least("length", length, 0)
    _even("dim", dim)
    _positive("base", base)
    time = torch.arange(length, dtype=torch.float64)[:, None]
    angle = time * _frequencies(torch.zeros(1), dim, base, torch.float64)
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).reshape(length, dim)


def _rotary_width(x: Tensor, rotary_dim: int | None) -> int:
    size = x.shape[-1]
    if rotary_dim is None:
        _even("D", size)
        return size
    _even("rotary_dim", rotary_dim)
    if rotary_dim > size:
        raise ValueError(
            f"rotary_dim={rotary_dim}, D={size}: expected rotary_dim of at most D; lower rotary_dim"
        )
    return rotary_dim


def _aligned_positions(x: Tensor, positions: Tensor) -> Tensor:
    """Positions with singleton dims inserted, so that [..., L] broadcasts over x[..., L, D]."""
    if positions.is_floating_point() or positions.dtype == torch.bool:
        raise ValueError(f"positions.dtype={positions.dtype}: expected integers; pass int64")
    fits = positions.dim() in (1, 2) and x.dim() > positions.dim()
    if fits and positions.shape[-1] == x.shape[-2]:
        if positions.dim() == 1:
            return positions
        if positions.shape[0] == x.shape[0]:
            return positions.reshape(positions.shape[0], *[1] * (x.dim() - 3), positions.shape[1])
    raise ValueError(
        f"positions.shape={tuple(positions.shape)}, x.shape={tuple(x.shape)}: expected positions "
        f"[L] or [B, L] for x [..., L, D] or [B, ..., L, D]; give one position a row"
    )


def _pair(x: Tensor, interleaved: bool) -> tuple[Tensor, Tensor]:
    """The first and the second features of the pairs: x[..., R] -> two of [..., R/2]."""
    half = x.shape[-1] // 2
    return (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])


def rope(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """Rotary embedding of x[..., L, D] at positions int[L] or int[B, L]; same shape and dtype.

    Pair i of the first R = rotary_dim (or D) features is turned by p / scaling * base^(-2i/R);
    pairs are (2i, 2i+1) when interleaved, else (i, i + R/2). The other features are copied.
    Raises ValueError for an odd D or rotary_dim, rotary_dim > D, scaling <= 0, misfit positions.
    Source: Su et al. 2021, eq. 15 (interleaved); Chen et al. 2023 for the scaling.
    """
    width = _rotary_width(x, rotary_dim)
    _positive("base", base)
    _positive("scaling", scaling)
    dtype = compute_dtype(x)
    # Angles belong to x as far as roundoff is concerned: the zeros say so, at a fifth of the time.
    place = _aligned_positions(x, positions).to(dtype) + torch.zeros_like(x[..., 0], dtype=dtype)
    angle = (place / scaling)[..., None] * _frequencies(x, width, base, dtype)
    cos, sin = mark("cos", torch.cos(angle)), mark("sin", torch.sin(angle))
    turned = x[..., :width].to(dtype)
    # x cos + turn(x) sin uses x twice: in half precision autograd adds two rounded gradients.
    a, b = _pair(mark("backward.turned", turned), interleaved)
    c, d = _pair(mark("backward.turned", turned), interleaved)
    first = mark("product", a * cos) - mark("product", d * sin)
    second = mark("product", b * cos) + mark("product", c * sin)
    if interleaved:
        rotated = torch.stack([first, second], dim=-1).flatten(-2)
    else:
        rotated = torch.cat([first, second], dim=-1)
    return torch.cat([rotated.to(x.dtype), x[..., width:]], dim=-1)


def _slope_exponents(heads: int) -> list[float]:
    return [-8.0 * h / heads for h in range(1, heads + 1)]


def alibi_slopes(heads: int) -> Tensor:
    """ALiBi slopes [heads]: 2^(-8h/heads) for h = 1 .. heads when heads is a power of two.

    Otherwise the slopes of the next lower power of two, followed by every second slope (the first,
    the third, ...) of twice that power. The result is float64. Raises ValueError for heads < 1.
    Source: Press et al. 2022, section 3, and their published construction.
    """
    at_least("heads", heads, 1)
    power = 1 << (heads.bit_length() - 1)
    exponents = _slope_exponents(power) + _slope_exponents(2 * power)[0::2][: heads - power]
    return torch.pow(2.0, torch.tensor(exponents, dtype=torch.float64))


def alibi_bias(heads: int, Lq: int, Lk: int) -> Tensor:
    """ALiBi bias [heads, Lq, Lk]: -slope * (i + Lk - Lq - j), the last query beside the last key.

    Later keys, which a causal mask hides, get 0 here; what stands there is not judged. float64.
    Raises ValueError for heads < 1 or a negative length. Source: Press et al. 2022, section 3.
    """
    at_least("Lq", Lq, 0)
    at_least("Lk", Lk, 0)
    query = torch.arange(Lq, dtype=torch.float64)[:, None] + (Lk - Lq)
    distance = (query - torch.arange(Lk, dtype=torch.float64)).clamp(min=0)
    return -alibi_slopes(heads)[:, None, None] * distance


def _integer_root(value: int, degree: int) -> int:
    """The smallest n >= 0 with n^degree >= value, by bisection over integers."""
    low, high = 0, 1
    while high**degree < value:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**degree >= value else (middle + 1, high)
    return low


def _bucket_edges(exact: int, buckets: int, max_distance: int) -> list[int]:
    """The distances at which buckets exact + 1 .. buckets - 1 begin.

    Bucket exact + k begins where log(n / exact) / log(max_distance / exact) >= k / K, that is
    n^K >= max_distance^k exact^(K - k) in integers, with K = buckets - exact.
    """
    spans = buckets - exact
    return [_integer_root(max_distance**k * exact ** (spans - k), spans) for k in range(1, spans)]


def relative_position_bucket(
    relative: Tensor, *, bidirectional: bool = True, buckets: int = 32, max_distance: int = 128
) -> Tensor:
    """T5 bucket of each relative position (key - query), int[...] -> int64[...], exact integers.

    Bidirectional: the upper half of the buckets is for later keys. Of the buckets of one direction
    the first half holds one distance each, the rest are spaced logarithmically up to max_distance.
    Raises ValueError for floats, too few or odd buckets, max_distance within the exact buckets.
    Source: Raffel et al. 2020, section 2.1 and the published implementation.
    """
    at_least("buckets", buckets, 4 if bidirectional else 2)
    if bidirectional and buckets % 2:
        raise ValueError(f"buckets={buckets}: expected an even number; each direction gets half")
    if relative.is_floating_point() or relative.dtype == torch.bool:
        raise ValueError(f"relative.dtype={relative.dtype}: expected integers; pass key - query")
    relative = relative.to(torch.int64)
    each = buckets // 2 if bidirectional else buckets
    exact = each // 2
    at_least("max_distance", max_distance, exact + 1)
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    edges = torch.tensor(_bucket_edges(exact, each, max_distance), dtype=torch.int64)
    far = exact + (distance[..., None] >= edges).sum(-1)
    bucket = torch.where(distance < exact, distance, far)
    return bucket + each * (relative > 0) if bidirectional else bucket
