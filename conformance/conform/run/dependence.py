"""`depends(f, x[region], ...)`: measured by editing values, not by gradients."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import torch

from conform.draw.fill import DTYPES
from conform.law.bounds import tensor
from conform.law.evaluate import Evaluator
from conform.law.forms import with_inputs
from conform.law.grammar import LawError
from conform.run.law_noise import LawNoise
from conform.run.material import Material
from conform.run.sides import gap, other_integers, parts
from conform.run.verdicts import LawVerdict

Tensor = torch.Tensor
EDITS = (
    ("negate", lambda x: -x),
    ("add one", lambda x: x + 1.0),
    ("times four", lambda x: x * 4.0 + 0.5),
    ("large", lambda x: torch.where(x >= 0, 1e3, -1e3).to(x.dtype)),
)


def depends(
    node: ast.Call,
    target: Evaluator,
    exact: Evaluator,
    noise: LawNoise,
    smallest: float,
) -> LawVerdict:
    """Edits by several magnitudes; the bound is the spread of the unedited value."""
    expression, regions = node.args[0], node.args[1:]
    base = [tensor(x) for x in parts(target.value(expression))]
    base0 = [tensor(x) for x in parts(exact.value(expression))]
    bounds: list[Tensor] | None = None
    for words, change in EDITS:
        changes = _edited(exact, noise.material, regions, change)
        if not changes:
            return LawVerdict(False, None, "the region is empty")
        edited = [tensor(x) for x in parts(target.replaced(changes).value(expression))]
        for i, (x, y) in enumerate(zip(base, edited, strict=True)):
            if torch.equal(torch.nan_to_num(x), torch.nan_to_num(y)):
                continue
            bounds = bounds or noise.values(expression, base0)
            difference = gap(x, y).abs()
            over = difference > 2 * bounds[i] + smallest
            if bool(over.any()):
                index = tuple(int(k) for k in over.nonzero()[0])
                return LawVerdict(
                    True,
                    None,
                    f"editing ({words}) changes the value at "
                    f"{list(index)} from {float(x[index]):.9g} to "
                    f"{float(y[index]):.9g}",
                )
    return LawVerdict(False, None, "no edit changes the value")


def _edited(
    exact: Evaluator,
    material: Material,
    regions: list[ast.expr],
    change: Callable[[Tensor], Tensor],
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for region in regions:
        whole = isinstance(region, ast.Name)
        holder = region if whole else getattr(region, "value", None)
        if not isinstance(holder, ast.Name):
            raise LawError("depends takes drawn inputs or their regions, such as k[..., n:, :]")
        old = changes.get(holder.id, material.names.get(holder.id))
        if not isinstance(old, Tensor):
            raise LawError(f"{holder.id!r} is no drawn tensor")
        index = ... if whole else exact.index(region.slice)  # type: ignore[attr-defined]
        new = old.clone()
        if new[index].numel() == 0:
            continue
        piece = new[index]
        limit = torch.finfo(DTYPES[material.dtype]).max / 8
        new[index] = (
            change(piece).clamp(-limit, limit)
            if piece.is_floating_point()
            else (~piece if piece.dtype == torch.bool else other_integers(piece))
        )
        changes[holder.id] = new
    if not changes:
        return {}
    return with_inputs(material.names, changes)
