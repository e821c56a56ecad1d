"""The form of a reply: as many results as promised, plain, of the right shapes and dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from conform.run.material import Material
from conform.run.replies import short
from conform.spec.models import OperatorSpec, ResultSpec
from conform.work.protocol import CallReply, ResultInfo

Tensor = torch.Tensor


def malformed(
    material: Material, operator: OperatorSpec, expected: Sequence[Any], reply: CallReply
) -> str:
    """What is wrong with the form of the results, or an empty string."""
    results = reply.results
    if len(results) != len(expected) or (len(expected) > 1 and not reply.is_tuple):
        found = reply.result_note or f"{len(results)} results"
        return f"returned {found}, expected {len(expected)}"
    for i, (got, want, spec) in enumerate(zip(results, expected, operator.results, strict=True)):
        name = "the result" if len(expected) == 1 else f"result {i + 1} of {len(expected)}"
        info = reply.result_infos[i] if i < len(reply.result_infos) else None
        problem = _one(material, spec, got, want, info)
        if problem:
            return f"returned {name} {problem}"
    return ""


def shapes_of(results: Sequence[Any]) -> list[tuple[int, ...] | None]:
    """The shape of each result that is a tensor."""
    return [tuple(x.shape) if isinstance(x, Tensor) else None for x in results]


def _one(material: Material, spec: ResultSpec, got: Any, want: Any, info: ResultInfo | None) -> str:
    kind = type(got).__name__
    if isinstance(want, frozenset | set):
        return "" if isinstance(got, frozenset) else f"of type {kind}, expected a set of names"
    if not isinstance(want, Tensor):
        if isinstance(got, Tensor) and got.numel() != 1:
            return f"with shape {tuple(got.shape)}, expected a number"
        return f"of type {kind}, expected a number" if isinstance(got, frozenset) else ""
    if not isinstance(got, Tensor):
        return f"of type {kind}, expected a tensor"
    if info is not None and not info.plain:
        return f"as {info.type}, expected a plain torch.Tensor"
    if tuple(got.shape) != tuple(want.shape):
        return f"with shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    allowed = allowed_dtypes(material, spec.dtype, want)
    if short(got.dtype) not in allowed:
        return f"with dtype {short(got.dtype)}, expected " + " or ".join(sorted(allowed))
    return ""


def allowed_dtypes(material: Material, words: str | tuple[str, ...], want: Tensor) -> set[str]:
    """The dtypes that a result may have."""
    names = {words} if isinstance(words, str) else set(words)
    if "same" in names:
        names.discard("same")
        if not want.is_floating_point():
            names |= {"bool"} if want.dtype == torch.bool else {"int64", "int32"}
        elif any(isinstance(v, Tensor) and v.is_floating_point() for v in material.names.values()):
            names.add(material.dtype)
        else:
            names |= {"float32", "float64"}
    if names & {"float"}:
        names = (names - {"float"}) | {"float32", "float64", material.dtype}
    if names & {"int", "int64"}:
        names = (names - {"int"}) | {"int64", "int32"}
    return names
