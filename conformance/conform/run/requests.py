"""A call as the worker gets it: drawn tensors in their drawn memory, others laid out here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from conform.draw.case import Source, derive_seed
from conform.draw.fill import DTYPES
from conform.draw.layout import place
from conform.run.material import Material, Sublayer
from conform.run.oracle import slot_dtype
from conform.run.replies import allowed_strides, head_major
from conform.spec.models import OperatorSpec
from conform.target.claims import OperatorClaim
from conform.work.named import as_named
from conform.work.protocol import Apart, Arg, CallableArg, CallRequest, ScalarArg, TensorArg

Tensor = torch.Tensor
# How what a law computes may lie; half of it as attention's tensors most often do.
DERIVED = ("contiguous", "swapped", "transposed", "swapped", "sliced", "swapped", "misaligned")

# Of which floats a repeated call gets other values, case by case.
RENEWING: tuple[Literal["all", "first", "second"], ...] = ("all", "first", "all", "second", "all")
REVERSIBLE = frozenset({"tokens", "integers", "positions", "permutation", "mask", "lengths"})
OFFSETS = frozenset({"splits"})


@dataclass(frozen=True)
class Asked:
    """Arguments and passed options of one call; `wrt` and `cotangents` ask for gradients.

    `measure`, `order`, `apart` and `unfit` as in CallRequest.
    """

    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[int | str, ...] = ()
    cotangents: tuple[Tensor, ...] = ()
    repeat: bool = False
    measure: bool = False
    order: bool = False
    apart: Apart = ""
    unfit: bool = False


def make_request(
    material: Material, spec: OperatorSpec, claim: OperatorClaim, asked: Asked
) -> CallRequest:
    """The request for one call in the material's dtype."""
    heads = tuple(
        i
        for i, item in enumerate(spec.inputs.values())
        if i < len(asked.args) and head_major(item.shape)
    )
    dtypes = [slot_dtype(spec, i, material.dtype) for i in range(len(asked.args))]
    layout = _derived_layout(material, spec, asked)
    finish = _uneven if asked.apart else _as_it_is
    own: dict[tuple[int, str], Arg] = {}  # one tensor passed twice is one object

    def shared(x: Any, strides: str, kind: str, name: str) -> Arg:
        if name in claim.mutates:
            return finish(argument(material, x, "contiguous", kind, layout))
        key = (id(x), kind)
        if not isinstance(x, Tensor) or key not in own:
            given = argument(material, x, strides, kind, layout)
            own[key] = finish(as_bytes(given, spec.inputs[name].dtype))
        return own[key]

    return CallRequest(
        spec.operator,
        tuple(
            shared(x, claim.strides, kind, name)
            for x, kind, name in zip(asked.args, dtypes, spec.inputs, strict=False)
        ),
        {
            k: finish(argument(material, v, claim.strides, material.dtype, layout))
            for k, v in asked.options.items()
        },
        asked.wrt,
        _cotangents(material, claim, asked) or None,
        asked.repeat,
        heads,
        tuple(i for i, r in enumerate(spec.results) if head_major(r.shape)),
        asked.measure,
        asked.order,
        _without_gradients(material, spec, asked),
        asked.apart,
        asked.unfit,
        _drawn_by(material, spec, asked, REVERSIBLE),
        _drawn_by(material, spec, asked, OFFSETS),
        RENEWING[material.case.index % len(RENEWING)],
    )


def _drawn_by(
    material: Material, spec: OperatorSpec, asked: Asked, generators: frozenset[str]
) -> tuple[int | str, ...]:
    """Integers and masks that are as such generators drew them."""
    if not (asked.repeat or asked.apart):
        return ()
    inputs = list(zip(spec.inputs, asked.args, strict=False))
    named: list[tuple[int | str, str, Any]] = [(i, *item) for i, item in enumerate(inputs)]
    named += [(name, name, value) for name, value in asked.options.items()]
    return tuple(
        key for key, name, value in named if _is_drawn_by(material, name, value, generators)
    )


def _is_drawn_by(material: Material, name: str, value: Any, generators: frozenset[str]) -> bool:
    source = material.case.inputs.get(name, material.case.options.get(name))
    drawn = value is material.names.get(name)
    return drawn and isinstance(source, Source) and source.generator in generators


def _as_it_is(given: Arg) -> Arg:
    return given


def _uneven(given: Arg) -> Arg:
    """Values near the argument's, in its place, none repeated: equal rows sum to a kink."""
    if not isinstance(given, TensorArg) or not given.dtype.is_floating_point:
        return given
    if any(n > 1 and stride == 0 for n, stride in zip(given.shape, given.strides, strict=True)):
        given = TensorArg.of(given.view().contiguous())
    view = given.view()
    waves = torch.cos(torch.arange(view.numel(), dtype=torch.float64)).reshape(view.shape)
    view.copy_(view.double() * (1 + waves / 16))
    return given


def _without_gradients(material: Material, spec: OperatorSpec, asked: Asked) -> bool:
    """Half of the calls that want no gradient are made with gradients switched off."""
    if asked.wrt or asked.measure:
        return False
    sizes = [tuple(x.shape) for x in asked.args if isinstance(x, Tensor)]
    return derive_seed(material.case.seed, spec.operator, "mode", sizes) % 2 == 1


def _derived_layout(material: Material, spec: OperatorSpec, asked: Asked) -> str:
    """How tensors that are not drawn lie in this call: it follows from the case and their sizes."""
    if asked.measure or material.case.derived == "contiguous":
        return "contiguous"
    sizes = [tuple(x.shape) for x in asked.args if isinstance(x, Tensor)]
    return DERIVED[derive_seed(material.case.seed, spec.operator, sizes) % len(DERIVED)]


def _cotangents(material: Material, claim: OperatorClaim, asked: Asked) -> tuple[TensorArg, ...]:
    """What flows back, laid out as the case says; contiguous where traffic is metered."""
    made = []
    for c in asked.cotangents:
        given = c.detach().to(DTYPES[material.dtype])
        layout = "contiguous" if asked.measure else material.case.cotangents
        if given.numel() > 1 and material.case.derived != "contiguous" and not asked.measure:
            # A sum sends back one number, expanded to every place.
            layout = "expanded" if bool((given == given.flatten()[0]).all()) else layout
        if layout == "transposed" and given.dim() > 2 and material.case.seed % 2:
            layout = "swapped"  # as gradients come back from attention
        if layout == "expanded":
            axes = [str(i) for i in range(given.dim()) if _constant_along(given, i)]
            layout = f"expanded:{','.join(axes)}" if axes else "sliced"
        placed = place(given, layout)
        if not allowed_strides(placed.strides, placed.shape, claim.strides):
            placed = place(given, "contiguous")
        made.append(
            TensorArg(placed.storage, placed.shape, placed.strides, placed.offset, given.dtype)
        )
    return tuple(made)


def _constant_along(x: Tensor, axis: int) -> bool:
    return x.shape[axis] > 1 and bool((x == x.narrow(axis, 0, 1)).all())


def as_bytes(given: Arg, dtype: str | None) -> Arg:
    """The argument, its integers as uint8 where the spec says that the target takes bytes."""
    if dtype != "uint8" or not isinstance(given, TensorArg):
        return given
    return replace(given, storage=given.storage.to(torch.uint8), dtype=torch.uint8)


def _stands_still(x: Tensor) -> list[str]:
    """Axes before the last along which a tensor was expanded."""
    pairs = list(zip(x.shape, x.stride(), strict=True))[:-1]
    return [str(i) for i, (size, stride) in enumerate(pairs) if size > 1 and stride == 0]


def argument(material: Material, value: Any, strides: str, dtype: str, layout: str) -> Arg:
    """One argument: a drawn tensor where it was placed, if the target takes such strides.

    Another tensor of real numbers lies as `layout` says, or stands still where the law expanded it,
    if the target takes that; one of others is expanded where it repeats itself.
    """
    if isinstance(value, Sublayer):
        return CallableArg(value.name, value.width, value.seed)
    named = as_named(value)
    if named is not None:
        return named
    if not isinstance(value, Tensor):
        if callable(value):
            return CallableArg(str(getattr(value, "__name__", value)), 1, 0)
        return ScalarArg(value)
    placed = material.placed.get(id(value))
    if placed is not None and value.is_floating_point() and placed.storage.dtype != DTYPES[dtype]:
        placed = None  # drawn for another argument
    if placed is not None and allowed_strides(placed.strides, placed.shape, strides):
        storage = placed.storage.clone()
        return TensorArg(storage, placed.shape, placed.strides, placed.offset, storage.dtype)
    if not value.is_floating_point():
        axes = [str(i) for i in range(value.dim() - 1) if _constant_along(value, i)]
        if layout == "contiguous" or material.is_fresh(value) or not axes:
            return TensorArg.of(value)
        # Positions and masks of many are those of one, expanded.
        placed = place(value, f"expanded:{','.join(axes)}")
        if not allowed_strides(placed.strides, placed.shape, strides):
            return TensorArg.of(value)
        return TensorArg(placed.storage, placed.shape, placed.strides, placed.offset, value.dtype)
    given = value.detach().to(DTYPES[dtype])
    if material.is_swapped(value):
        layout = "swapped"
    elif layout != "contiguous" and (axes := _stands_still(value)):
        layout = f"expanded:{','.join(axes)}"
    if layout == "transposed" and given.dim() < 2:
        layout = "sliced"
    if layout != "contiguous" and not material.is_fresh(value):
        placed = place(given, layout)
        if allowed_strides(placed.strides, placed.shape, strides):
            return TensorArg(
                placed.storage, placed.shape, placed.strides, placed.offset, given.dtype
            )
    return TensorArg.of(given)
