"""The drawn case: structure only. Tensors follow from it by filling, so that it is a small JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from typing import Any

FORMAT = "conform-case/1"

Plain = bool | int | float | str | None


@dataclass(frozen=True)
class Source:
    """How a tensor, or a callable, is made: generator, shape, parameters.

    `key` names the stream of random numbers, so that two inputs of one case differ and the same
    input is the same whatever else is drawn.
    """

    generator: str
    shape: tuple[int, ...] = ()
    args: tuple[Plain, ...] = ()
    key: str = ""
    regime: str = "normal"
    layout: str = "contiguous"
    symbols: tuple[str, ...] = ()
    dtype: str = ""

    @property
    def is_callable(self) -> bool:
        """True for what is no tensor: a sublayer, or named parameters."""
        return self.generator in ("sublayer", "named_parameters")

    @property
    def is_float(self) -> bool:
        """True when the tensor takes the case's dtype (or a fixed floating one)."""
        return self.generator in FLOAT_GENERATORS


FLOAT_GENERATORS = frozenset(
    {
        "regime",
        "weights",
        "gain",
        "shift",
        "normal",
        "bits",
        "grid",
        "distribution",
        "cotangent",
        "positive",
        "lse",
        "uniform",
    }
)

Value = Plain | Source


@dataclass(frozen=True)
class Case:
    """One drawn case of an operator, without dtype: dims, inputs, options, law draws, one seed.

    `cotangents` is the layout of what flows back, `wrt` which of the differentiable inputs ask for
    a gradient: `all`, the `first`, the `rest` or `one`. `derived` is the layout of tensors that a
    law computes and passes: contiguous, or `mixed`, where each call has one of its own.
    """

    operator: str
    index: int
    seed: int
    regime: str
    dims: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, Value] = field(default_factory=dict)
    options: dict[str, Value] = field(default_factory=dict)
    draws: dict[str, Value] = field(default_factory=dict)
    cotangents: str = "contiguous"
    wrt: str = "all"
    derived: str = "contiguous"

    def as_json(self) -> dict[str, Any]:
        """JSON object; `from_json` reads it back."""
        content: dict[str, Any] = {"format": FORMAT}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, dict):
                value = {key: _plain(entry) for key, entry in value.items()}
            content[item.name] = value
        return content

    def identity(self) -> str:
        """Short hash of the content, for file names."""
        return hashlib.blake2b(repr(self.as_json()).encode(), digest_size=6).hexdigest()

    def plain(self) -> Case:
        """The same case with floats of the normal regime; sizes, options and layouts stay."""

        def normal(values: dict[str, Value]) -> dict[str, Value]:
            return {
                key: replace(x, regime="normal") if isinstance(x, Source) else x
                for key, x in values.items()
            }

        return replace(
            self,
            regime="normal",
            inputs=normal(self.inputs),
            options=normal(self.options),
            draws=normal(self.draws),
        )

    def with_(self, **changes: Any) -> Case:
        """A copy with fields replaced."""
        return replace(self, **changes)


def _plain(value: Value) -> Any:
    """A value as JSON has it. (`asdict` copies deeply, which took a fifteenth of a run.)"""
    if not isinstance(value, Source):
        return value
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _value(raw: Any) -> Value:
    if isinstance(raw, dict):
        fields = {key: tuple(item) if isinstance(item, list) else item for key, item in raw.items()}
        return Source(**fields)  # type: ignore[arg-type]
    return raw  # type: ignore[no-any-return]


def from_json(raw: dict[str, Any]) -> Case:
    """The case of a JSON object; ValueError when the format is another one."""
    if raw.get("format") != FORMAT:
        raise ValueError(f"format={raw.get('format')!r}, expected {FORMAT!r}")
    groups = {
        name: {key: _value(item) for key, item in raw[name].items()}
        for name in ("inputs", "options", "draws")
    }
    return Case(
        operator=raw["operator"],
        index=raw["index"],
        seed=raw["seed"],
        regime=raw["regime"],
        dims=dict(raw["dims"]),
        cotangents=raw.get("cotangents", "contiguous"),
        wrt=raw.get("wrt", "all"),
        derived=raw.get("derived", "contiguous"),
        **groups,
    )


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from anything printable; the same on every machine."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
