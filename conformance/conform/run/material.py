"""A case made concrete in one dtype: the tensors, their placement in memory, the law's names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from conform.draw.case import Case, Source, Value, derive_seed
from conform.draw.fill import DTYPES, fill, parameter_names, stream
from conform.draw.layout import Placed, place
from conform.spec.book import Operator
from conform.work.callables import build_callable, linear_weight
from conform.work.named import pairs
from conform_reference._saved import tanh


@dataclass(frozen=True)
class Sublayer:
    """A drawn callable: applied in the parent for the oracle, sent by name to the target."""

    name: str
    width: int
    seed: int

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.name == "tanh":
            return tanh("sublayer_output", x)
        return build_callable(self.name, self.width, self.seed)(x)


@dataclass
class Material:
    """Everything a law can read about one case in one dtype.

    `names`: float tensors are float64 images of the tensors in the dtype, exactly. `placed` maps
    the id of such a tensor to the dtype's tensor in memory. `fresh` are those that a law wants in
    contiguous memory, `swapped` those with the two dims before the last swapped in memory.
    """

    operator: Operator
    case: Case
    dtype: str
    names: dict[str, Any] = field(default_factory=dict)
    placed: dict[int, Placed] = field(default_factory=dict)
    keep: list[torch.Tensor] = field(default_factory=list)
    fresh: list[torch.Tensor] = field(default_factory=list)
    swapped: list[torch.Tensor] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The positional arguments."""
        result: tuple[Any, ...] = self.names["inputs"]
        return result

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that are passed."""
        result: dict[str, Any] = self.names["options"]
        return result

    def is_fresh(self, x: torch.Tensor) -> bool:
        """Whether a law asked for `contiguous` memory for this tensor."""
        return any(x is own for own in self.fresh)

    def is_swapped(self, x: torch.Tensor) -> bool:
        """Whether a law asked for `swapped` memory for this tensor."""
        return any(x is own for own in self.swapped)

    def elements(self) -> int:
        """Number of input elements."""
        return sum(x.numel() for x in self.names.values() if isinstance(x, torch.Tensor))


def materialise(
    operator: Operator, case: Case, dtype: str, passed: Callable[[str], bool] = lambda name: True
) -> Material:
    """The tensors of a case. `passed` says which options the target is given."""
    made = Material(operator, case, dtype)
    for name, value in {**case.dims}.items():
        made.names[name] = value
    values = {name: _make(made, name, value) for name, value in case.inputs.items()}
    options = {name: _make(made, name, value) for name, value in case.options.items()}
    draws = {name: _make(made, name, value) for name, value in case.draws.items()}
    made.names.update({**values, **options, **draws})
    made.names["inputs"] = tuple(values.values())
    made.names["options"] = {name: value for name, value in options.items() if passed(name)}
    made.names["dtype_name"] = dtype
    made.names["_fresh"], made.names["_swapped"] = made.fresh, made.swapped
    made.names["itemsize"] = DTYPES[dtype].itemsize
    made.names["_input_names"] = tuple(values)
    made.names["_batch_axes"] = {
        name: axis
        for group in (case.inputs, case.options)
        for name, value in group.items()
        if (axis := batch_axis(value)) is not None
    }
    made.names["_defaults"] = {name: item.default for name, item in operator.spec.options.items()}
    made.names["_result_axes"] = tuple(
        result.shape.index("B")
        if result.shape and "B" in result.shape and "..." not in result.shape
        else None
        for result in operator.spec.results
    )
    return made


def batch_axis(value: Value) -> int | None:
    """The axis of a drawn tensor that is the batch, if it has one."""
    if isinstance(value, Source) and "B" in value.symbols:
        return value.symbols.index("B")
    if isinstance(value, Source) and value.generator in ("lengths",):
        return 0
    return None


def _make(made: Material, name: str, value: Value) -> Any:
    if not isinstance(value, Source):
        return value
    if value.generator == "named_parameters":
        return pairs(parameter_names(stream(made.case.seed, name)))
    if value.is_callable:
        seed = derive_seed(made.case.seed, value.key or name) % 2**31
        width = int(value.args[1] or 1)
        if value.args[0] == "linear":
            linear_weight(width, seed)  # made here, so that no roundoff is injected into its making
        return Sublayer(str(value.args[0]), width, seed)
    if value.dtype == "float32" and made.dtype == "float64":
        value = replace(value, dtype="float64")
    given = fill(value, made.case.seed, made.dtype)
    image = given.to(torch.float64) if given.is_floating_point() else given
    if image is given:
        image = given.clone()
    made.placed[id(image)] = place(given, value.layout)
    made.keep.append(image)
    return image
