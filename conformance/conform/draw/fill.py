"""Tensors from a case: counter-based random numbers (Philox), value regimes, integer generators.

Values are made in float64, then rounded to the dtype; the rounded tensor is the input, for the
target and the oracle alike. Sources of the regimes: where attention and norm kernels were seen to
break.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.random import Generator, Philox

from conform.draw.case import Source, derive_seed

Array = Any
LEFT_OVER = 8
DTYPES = {
    "float64": torch.float64, "float32": torch.float32,
    "bfloat16": torch.bfloat16, "float16": torch.float16,
    "int64": torch.int64, "int32": torch.int32, "bool": torch.bool,
    "uint8": torch.int64,  # counted with in laws; a target is handed bytes
}  # fmt: skip


def stream(seed: int, key: str) -> Generator:
    """Independent random numbers for one key of one case."""
    return Generator(Philox(key=derive_seed(seed, key)))


def _normal(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return rng.standard_normal(shape)


def _large(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return rng.standard_normal(shape) * float(rng.choice([8.0, 16.0, 32.0]))


def _tiny(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return rng.standard_normal(shape) * 2.0 ** float(-rng.integers(7, 13))


def _ties(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return rng.integers(-1, 2, shape) * 0.5


def _one_hot(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    out = np.zeros(shape)
    if shape and shape[-1]:
        rows = out.reshape(-1, shape[-1])
        rows[np.arange(len(rows)), rng.integers(0, shape[-1], len(rows))] = float(
            rng.choice([1.0, 3.0])
        )
    return out


def _constant(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return np.full(shape, float(rng.choice([0.7, -1.3, 2.0])))


def _outlier(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    out = rng.standard_normal(shape)
    if shape and shape[-1] > 1:
        out[..., int(rng.integers(0, shape[-1]))] *= 60.0
    return out


def _sorted(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    out = rng.standard_normal(shape)
    return np.sort(out, axis=-2 if len(shape) > 1 else -1) if shape else out


def _mixed_scale(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    scale = 2.0 ** rng.integers(-6, 7, (*shape[:-1], 1) if shape else ())
    return rng.standard_normal(shape) * scale


def _large_mean(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return rng.standard_normal(shape) + float(rng.choice([16.0, 128.0, 1024.0]))


def _signed_zeros(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    zeros = np.where(rng.random(shape) < 0.5, 0.0, -0.0)
    return np.where(rng.random(shape) < 0.5, zeros, rng.standard_normal(shape))


def _subnormal(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    return rng.standard_normal(shape) * (1e-6 if dtype == "float16" else 1e-39)


def _near_limits(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    # Squares still fit float32; in float16 the values themselves are at the edge.
    return rng.uniform(-1, 1, shape) * (6e4 if dtype == "float16" else 1e17)


def _late(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    # What a loop leaves over says most: in half precision a few of thousands drown otherwise.
    out = rng.standard_normal(shape)
    if shape and shape[-1] > 4 * LEFT_OVER:
        out[..., -LEFT_OVER:] *= 32.0
    return out


def _huge(shape: tuple[int, ...], rng: Generator, dtype: str) -> Array:
    # Beyond what exp holds in float32, by far; float16 holds these and little more.
    return rng.standard_normal(shape) * 256.0


REGIMES: dict[str, Callable[[tuple[int, ...], Generator, str], Array]] = {
    "normal": _normal, "large": _large, "tiny": _tiny, "ties": _ties, "one_hot": _one_hot,
    "constant": _constant, "outlier": _outlier, "sorted": _sorted, "mixed_scale": _mixed_scale,
    "large_mean": _large_mean, "signed_zeros": _signed_zeros, "subnormal": _subnormal,
    "near_limits": _near_limits, "late": _late, "huge": _huge,
}  # fmt: skip


def _mask(source: Source, rng: Generator) -> Array:
    """Rows of every density; in about a third of the masks some rows are empty."""
    shape = source.shape
    kind = rng.integers(0, 6)
    if kind == 0:
        return np.ones(shape, dtype=bool)
    density = rng.choice([0.15, 0.5, 0.85], (*shape[:-1], 1)) if shape else 0.5
    out = rng.random(shape) < density
    if shape and shape[-1]:
        rows = out.reshape(-1, shape[-1])
        empty = rng.random(len(rows)) < (0.25 if kind <= 2 else 0.0)
        if kind == 2:
            empty[int(rng.integers(0, len(rows)))] = True
        # Elsewhere every row sees at least one key, so that empty rows are a choice.
        seen = rng.integers(0, shape[-1], len(rows))
        rows[np.arange(len(rows)), seen] = True
        rows[empty] = False
        partly = np.flatnonzero(~empty)
        if len(partly) and shape[-1] > 1:  # a mask of few rows is easily all or nothing
            row = int(rng.choice(partly))
            rows[row, (seen[row] + int(rng.integers(1, shape[-1]))) % shape[-1]] = False
    return out


def _positions(source: Source, rng: Generator) -> Array:
    """Increasing along the last axis: from 0, from an offset, far out, or with gaps."""
    shape = source.shape
    length = shape[-1] if shape else 1
    lead = int(np.prod(shape[:-1])) if len(shape) > 1 else 1
    rows = []
    for _ in range(lead):
        kind = int(rng.integers(0, 4))
        if kind == 0:
            rows.append(np.arange(length))
        elif kind == 1:
            rows.append(np.arange(length) + int(rng.integers(1, 4096)))
        elif kind == 2:
            rows.append(np.arange(length) + int(rng.integers(8192, 2**15 - length)))
        else:
            rows.append(np.cumsum(rng.integers(1, 40, length)) - 1)
    return np.stack(rows).reshape(shape).astype(np.int64)


def _splits(source: Source, rng: Generator) -> Array:
    pieces, total = int(source.args[0] or 1), int(source.args[1] or 0)
    cuts = np.sort(rng.integers(0, total + 1, max(pieces - 1, 0)))
    if pieces > 2 and rng.random() < 0.5:
        cuts[0] = cuts[1]  # an empty sequence in the middle
    return np.concatenate([[0], cuts, [total]]).astype(np.int64)


def _lengths(source: Source, rng: Generator) -> Array:
    batch, size = int(source.args[0] or 1), int(source.args[1] or 0)
    out = rng.integers(0, size + 1, batch)
    kind = int(rng.integers(0, 4))
    if kind == 0:
        out[:] = size
    elif kind == 1:
        out[int(rng.integers(0, batch))] = 0
    return out.astype(np.int64)


def _integers(source: Source, rng: Generator) -> Array:
    low, high = int(source.args[0] or 0), int(source.args[1] or 0)
    return rng.integers(low, high + 1, source.shape)


def _tokens(source: Source, rng: Generator) -> Array:
    out = rng.integers(0, int(source.args[0] or 1), source.shape)
    return out.astype(np.int64)


def _permutation(source: Source, rng: Generator) -> Array:
    return rng.permutation(source.shape[0]).astype(np.int64)


_LAYERS = (
    "embeddings.word", "encoder.layer.0.attention.query", "encoder.layer.0.attention.key",
    "encoder.layer.0.attention.output.dense", "encoder.layer.0.output.LayerNorm",
    "encoder.layer.11.intermediate.dense", "decoder.block.0.relative_attention_bias",
    "bias_proj", "head.debias", "mlp.bias", "classifier",
)  # fmt: skip
_KINDS = ("weight", "bias", "bias_v", "bias_scale", "in_proj_bias", "gamma", "unbiased")


def parameter_names(rng: Generator) -> tuple[str, ...]:
    """Names as modules have them; some mention a bias without being one, one may stand alone."""
    pool = [f"{layer}.{kind}" for layer in _LAYERS for kind in _KINDS] + ["bias", "weight"]
    count = int(rng.integers(1, 25))
    return tuple(pool[int(i)] for i in rng.permutation(len(pool))[:count])


INTEGER: dict[str, Callable[[Source, Generator], Array]] = {
    "mask": _mask, "positions": _positions, "splits": _splits, "lengths": _lengths,
    "integers": _integers, "tokens": _tokens, "permutation": _permutation,
}  # fmt: skip


def _weights(source: Source, rng: Generator) -> Array:
    shape = source.shape
    fan_in = shape[-2] if len(shape) > 1 else (shape[-1] if shape else 1)
    return rng.standard_normal(shape) / max(fan_in, 1) ** 0.5


def _distribution(source: Source, rng: Generator) -> Array:
    raw = rng.exponential(size=source.shape)
    return np.asarray(raw / raw.sum(-1, keepdims=True))


def _lse(source: Source, rng: Generator) -> Array:
    out = rng.standard_normal(source.shape) * 3.0
    return np.where(rng.random(source.shape) < 0.15, -np.inf, out)


def _gain(source: Source, rng: Generator) -> Array:
    """About one, as gains begin; of every eight one has lost its sign, as in trained models."""
    size = 1.0 + 0.2 * rng.standard_normal(source.shape)
    return np.where(rng.random(source.shape) < 0.125, -size, size)


FLOAT: dict[str, Callable[[Source, Generator], Array]] = {
    "weights": _weights,
    "gain": _gain,
    "shift": lambda s, rng: 0.3 * rng.standard_normal(s.shape),
    "normal": lambda s, rng: rng.standard_normal(s.shape),
    "cotangent": lambda s, rng: rng.standard_normal(s.shape),
    "bits": lambda s, rng: rng.integers(0, 2, s.shape).astype(np.float64),
    "grid": lambda s, rng: rng.integers(-16, 17, s.shape) / 8.0,
    "positive": lambda s, rng: rng.exponential(size=s.shape) + 0.05,
    "uniform": lambda s, rng: rng.uniform(
        float(s.args[0] or 0.0), float(s.args[1] or 0.0), s.shape
    ),
    "distribution": _distribution,
    "lse": _lse,
}


def fill(source: Source, seed: int, dtype: str) -> torch.Tensor:
    """The tensor of a source: shape `source.shape`; floats in `dtype`, contiguous.

    Raises ValueError for an unknown generator. Along dims that the layout expands with stride 0 the
    values are constant.
    """
    known = ("regime", *INTEGER, *FLOAT)
    if source.generator not in known:
        raise ValueError(f"generator={source.generator!r}, expected one of {sorted(known)}")
    name = source.dtype or dtype
    if 0 in source.shape:
        return torch.empty(source.shape, dtype=_dtype_of_nothing(source, name))
    rng = stream(seed, source.key)
    if source.generator in INTEGER:
        values = INTEGER[source.generator](source, rng)
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        return tensor.to(DTYPES[source.dtype]) if source.dtype else tensor
    if source.regime == "zeros":
        values = np.zeros(source.shape)
    elif source.generator == "regime":
        values = REGIMES[source.regime](source.shape, rng, name)
    else:
        values = FLOAT[source.generator](source, rng)
    tensor = torch.from_numpy(np.array(values, dtype=np.float64)).to(DTYPES[name])
    if source.layout.startswith("expanded:"):
        axis = int(source.layout.split(":")[1])
        tensor = tensor.narrow(axis, 0, 1).expand(source.shape).contiguous()
    return tensor


def _dtype_of_nothing(source: Source, name: str) -> torch.dtype:
    """As it would be with elements: generators of integers need something to choose from."""
    if source.generator == "mask":
        return torch.bool
    return torch.int64 if source.generator in INTEGER and not source.dtype else DTYPES[name]
