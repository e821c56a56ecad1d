"""A call as the worker gets it: drawn tensors in their drawn memory, others in fresh memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from conform.draw.fill import DTYPES
from conform.draw.layout import place
from conform.run.material import Material, Sublayer
from conform.run.oracle import slot_dtype
from conform.run.replies import allowed_strides, head_major
from conform.spec.models import OperatorSpec
from conform.target.claims import OperatorClaim
from conform.work.named import as_named
from conform.work.protocol import Arg, CallableArg, CallRequest, ScalarArg, TensorArg

Tensor = torch.Tensor


@dataclass(frozen=True)
class Asked:
    """Arguments and passed options of one call; `wrt` and `cotangents` ask for gradients.

    `measure` and `order` as in CallRequest.
    """

    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[int | str, ...] = ()
    cotangents: tuple[Tensor, ...] = ()
    repeat: bool = False
    measure: bool = False
    order: bool = False


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
    return CallRequest(
        spec.operator,
        tuple(
            argument(material, x, "contiguous" if name in claim.mutates else claim.strides, kind)
            for x, kind, name in zip(asked.args, dtypes, spec.inputs, strict=False)
        ),
        {k: argument(material, v, claim.strides, material.dtype) for k, v in asked.options.items()},
        asked.wrt,
        _cotangents(material, claim, asked) or None,
        asked.repeat,
        heads,
        tuple(i for i, r in enumerate(spec.results) if head_major(r.shape)),
        asked.measure,
        asked.order,
    )


def _cotangents(material: Material, claim: OperatorClaim, asked: Asked) -> tuple[TensorArg, ...]:
    """What flows back, laid out as the case says; contiguous where traffic is metered."""
    made = []
    for c in asked.cotangents:
        given = c.detach().to(DTYPES[material.dtype])
        layout = "contiguous" if asked.measure else material.case.cotangents
        if layout == "transposed" and given.dim() > 2:
            layout = "swapped"  # as gradients come back from attention
        if layout == "expanded":
            axis = next((i for i in range(given.dim() - 1) if _constant_along(given, i)), None)
            layout = "sliced" if axis is None else f"expanded:{axis}"
        placed = place(given, layout)
        if not allowed_strides(placed.strides, placed.shape, claim.strides):
            placed = place(given, "contiguous")
        made.append(
            TensorArg(placed.storage, placed.shape, placed.strides, placed.offset, given.dtype)
        )
    return tuple(made)


def _constant_along(x: Tensor, axis: int) -> bool:
    return x.shape[axis] > 1 and bool((x == x.narrow(axis, 0, 1)).all())


def argument(material: Material, value: Any, strides: str, dtype: str) -> Arg:
    """One argument: a drawn tensor where it was placed, if the target takes such strides."""
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
    return TensorArg.of(value.to(DTYPES[dtype]) if value.is_floating_point() else value)
