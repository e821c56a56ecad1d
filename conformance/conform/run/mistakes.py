"""Well-known mistakes of a spec as functions with the operator's signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from conform.law.evaluate import Evaluator
from conform.law.grammar import parse
from conform.spec.book import Operator, resolve
from conform.spec.dims import dims_of
from conform.spec.models import MistakeSpec, OperatorSpec

Function = Callable[..., Any]


def mistake_function(
    operator: Operator, mistake: MistakeSpec, oracles: Callable[[str], Function]
) -> Function:
    """The wrong function: arguments as the operator's. `oracles` gives right ones by name."""
    if mistake.python is not None:
        return resolve(mistake.python, operator.file)
    tree = parse(mistake.formula or "None")
    spec = operator.spec
    known = frozenset(_all_operators(operator))

    def wrong(*args: Any, **options: Any) -> Any:
        names = {
            **dims_of(spec, args, options),
            **_defaults(spec),
            **options,
            **dict(zip(spec.inputs, args, strict=False)),
            "inputs": args,
            "options": options,
        }
        return Evaluator(names, {}, _Plain(oracles), known, operator.name).value(tree)

    wrong.__name__ = mistake.id
    return wrong


def _all_operators(operator: Operator) -> list[str]:
    from conform.spec.book import built_in

    return [operator.name, *built_in().operators]


def _defaults(spec: OperatorSpec) -> dict[str, Any]:
    return {name: option.default for name, option in spec.options.items()}


class _Plain:
    """Calls the right functions directly."""

    def __init__(self, oracles: Callable[[str], Function]) -> None:
        self.oracles = oracles

    def call(self, operator: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The oracle's result."""
        return self.oracles(operator)(*args, **options)

    oracle = call

    def effect(self, name: str) -> Any:
        """Mistakes observe nothing."""
        raise NotImplementedError(name)

    def observed_call(self, name: str, evaluate: Callable[[], Any]) -> Any:
        """Mistakes observe nothing."""
        raise NotImplementedError(name)

    def pulled_back(self, evaluate: Callable[[], Any]) -> Any:
        """Mistakes observe nothing."""
        raise NotImplementedError("backward")

    def gradient(self, function: Function, at: Any, cotangent: Any) -> Any:
        """By torch.func."""
        out, pull, *_ = torch.func.vjp(function, *at)
        return pull(torch.ones_like(out) if cotangent is None else cotangent)
