"""What a target claims of an operator, from the function's signature and its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from conform.target.limits import Limit, Plain, read_limit
from conform.target.reading import Place

Record = dict[str, Any]


@dataclass(frozen=True)
class OperatorSignature:
    """An operator's contract, as far as calling it goes.

    `options` maps each keyword option to its default; those in `required` have none. `sizes` are
    the names that a declaration's limits may mention besides options (empty: they are not checked).
    """

    name: str
    inputs: tuple[str, ...]
    options: Mapping[str, Plain] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    sizes: tuple[str, ...] = ()

    def __str__(self) -> str:
        options = [
            name if name in self.required else f"{name}={default!r}"
            for name, default in self.options.items()
        ]
        star = ["*"] if options else []
        return f"{self.name}({', '.join([*self.inputs, *star, *options])})"

    def to_json(self) -> Record:
        """As a JSON-able record."""
        return {
            "name": self.name,
            "inputs": list(self.inputs),
            "options": dict(self.options),
            "required": sorted(self.required),
            "sizes": list(self.sizes),
        }

    @classmethod
    def from_json(cls, record: Record) -> OperatorSignature:
        """What `to_json` wrote."""
        return cls(
            name=record["name"],
            inputs=tuple(record["inputs"]),
            options=record["options"],
            required=frozenset(record["required"]),
            sizes=tuple(record["sizes"]),
        )


@dataclass(frozen=True)
class OperatorClaim:
    """What a target claims of one operator.

    `options` are the contract options that are passed to it, `renames` their names there where they
    differ, `fixed` those it lacks and always has at a value. `limits` and `requires` say which
    cases it takes; `differentiable` None means whatever flows.
    """

    operator: str
    function: str
    options: frozenset[str] = frozenset()
    renames: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Plain] = field(default_factory=dict)
    layout: str = "BHLD"
    requires: tuple[str, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=dict)
    rounding: str | None = None
    differentiable: bool | tuple[str, ...] | None = None
    strides: str = "any"
    mutates: tuple[str, ...] = ()

    def differentiates(self, name: str) -> bool:
        """Whether the gradient of an input or option is claimed.

        Unless it is named, an input that is updated in place has none: PyTorch refuses to change
        a tensor that asks for its gradient.
        """
        if isinstance(self.differentiable, tuple):
            return name in self.differentiable
        return self.differentiable is not False and name not in self.mutates

    def to_json(self) -> Record:
        """As a JSON-able record."""
        record = asdict(self)
        record["options"] = sorted(self.options)
        record["limits"] = {name: limit.to_json() for name, limit in self.limits.items()}
        return record

    @classmethod
    def from_json(cls, record: Record) -> OperatorClaim:
        """What `to_json` wrote."""
        place = Place(record["function"], "limits")
        differentiable = record["differentiable"]
        if isinstance(differentiable, list):
            differentiable = tuple(differentiable)
        return cls(
            **{
                **record,
                "options": frozenset(record["options"]),
                "requires": tuple(record["requires"]),
                "limits": {n: read_limit(place.key(n), v) for n, v in record["limits"].items()},
                "differentiable": differentiable,
                "mutates": tuple(record["mutates"]),
            }
        )


@dataclass(frozen=True)
class TargetDescription:
    """A loaded target: its name, where it runs, what it claims, and the versions it runs on.

    `skipped` lists functions that carry an operator's name but were imported from torch and are
    not declared, so that they are not taken for the target's own. `promises` is what it says of
    itself beyond its results; `interprets`: it has Triton kernels that are interpreted.
    """

    name: str
    device: str
    dtypes: tuple[str, ...]
    operators: Mapping[str, OperatorClaim]
    versions: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None
    skipped: tuple[str, ...] = ()
    promises: tuple[str, ...] = ()
    interprets: bool = False

    def to_json(self) -> Record:
        """As a JSON-able record."""
        record = {name: getattr(self, name) for name in ("name", "device", "file", "interprets")}
        record["promises"] = list(self.promises)
        record["dtypes"] = list(self.dtypes)
        record["operators"] = {name: claim.to_json() for name, claim in self.operators.items()}
        record["versions"] = dict(self.versions)
        record["skipped"] = list(self.skipped)
        return record

    @classmethod
    def from_json(cls, record: Record) -> TargetDescription:
        """What `to_json` wrote."""
        operators = record["operators"].items()
        return cls(
            name=record["name"],
            device=record["device"],
            dtypes=tuple(record["dtypes"]),
            operators={name: OperatorClaim.from_json(claim) for name, claim in operators},
            versions=record["versions"],
            file=record["file"],
            skipped=tuple(record["skipped"]),
            promises=tuple(record["promises"]),
            interprets=record["interprets"],
        )
