"""The options of a case: those that are claimed, none, one or all of them chosen."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from conform.draw.case import FLOAT_GENERATORS, Source, Value
from conform.draw.expressions import Chooser, DrawScope
from conform.draw.variant import Constraints, Variant
from conform.law.grammar import parse, written_out
from conform.spec.models import OperatorSpec, OptionSpec

# From so many options on, one case in six has all at their defaults but a flag, two all but two.
MANY, STRATA = 3, 6
TENSORS = FLOAT_GENERATORS - {"uniform"}  # (which is a number where it has no shape)


class OptionNotClaimed(Exception):
    """A law fixes an option that the target does not claim."""


def drawn_options(
    spec: OperatorSpec,
    scope: DrawScope,
    chooser: Chooser,
    limits: Constraints,
    variant: Variant,
    lay: Callable[[Source], Source],
) -> dict[str, Value]:
    """Claimed options only; a law's fixed options win, then the target's fixed ones.

    `lay` gives a tensor its memory layout.
    """
    free = _free_options(spec, chooser, limits, variant)
    options: dict[str, Value] = {}
    for name, item in spec.options.items():
        if name in variant.options:
            value: Value = _set_by_law(name, variant.options[name], item.default, limits)
            if isinstance(value, str) and value.startswith("="):
                value = scope.draw(value[1:], f"law.option.{name}")
        elif name in limits.fixed:
            value = limits.fixed[name]
        elif item.draw is None or (limits.options is not None and name not in limits.options):
            value = item.default
        elif name not in free and scope.offers(item.draw, item.default):
            value = limits.limit(name, item.default)
        else:
            value = limits.limit(name, scope.draw(item.draw, f"option.{name}"))
        if isinstance(value, Source):
            value = lay(Source(**{**value.__dict__, "key": name}))
        options[name] = value
        scope.names[name] = value
    return options


def tensor_draws(item: OptionSpec) -> list[str]:
    """The float tensors among what an option chooses between, as expressions."""
    node = parse(item.draw) if item.draw else None
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "choose"):
        return []
    return [ast.unparse(x) for x in node.args if _names_in(x) & TENSORS]


def _names_in(node: ast.expr) -> set[str]:
    return {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}


def _chosen(spec: OperatorSpec, limits: Constraints) -> list[str]:
    """The options that are drawn, unless a law sets them."""
    return [
        name
        for name, item in spec.options.items()
        if item.draw is not None
        and name not in limits.fixed
        and (limits.options is None or name in limits.options)
    ]


def many_options(spec: OperatorSpec, limits: Constraints) -> bool:
    """Whether so many are drawn that some cases leave them at their defaults on purpose."""
    return len(_chosen(spec, limits)) >= MANY


def _free_options(
    spec: OperatorSpec, chooser: Chooser, limits: Constraints, variant: Variant
) -> set[str]:
    """The options to be drawn; the others stay at their defaults, where these are to be chosen.

    Implementations take a fast path where nothing is asked for, or one thing (a causal mask). Where
    each of many options is drawn by itself, that hardly ever happens.
    """
    drawn = [name for name in _chosen(spec, limits) if name not in variant.options]
    if len(drawn) < MANY:
        return set(drawn)
    kind = 0 if variant.plain else chooser.stratum(STRATA, "options")
    if kind > 2:
        return set(drawn)
    # (Half of those that are drawn are at their defaults all the same: of two, one is not.)
    flags = [name for name in drawn if isinstance(spec.options[name].default, bool)]
    pools = (drawn, drawn) if kind else (flags,)
    return {
        pool[chooser.stratum(len(pool), f"options.{place}")]
        for place, pool in enumerate(pools)
        if pool
    }


def _set_by_law(name: str, value: Any, default: object, limits: Constraints) -> Any:
    """What a law sets an option to. One that the target does not claim stays what it always is
    there: the law must set it to that, or let it be chosen."""
    always = limits.fixed.get(name, default)
    if limits.options is None or name in limits.options or value == always:
        return value
    chosen = written_out(value[1:]) if isinstance(value, str) and value[:1] == "=" else []
    if any(type(item) is type(always) and item == always for item in chosen):
        return always
    raise OptionNotClaimed(f"the option {name!r} is not claimed")
