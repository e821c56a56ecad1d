"""Implementations made in this process: right and wrong functions dressed up as targets.

For measuring the checker itself (`conform adequacy`, `conform calibrate`): no worker, full claims,
and an oracle that remembers, since many implementations are asked the same calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from conform.draw.case import Case
from conform.draw.fill import DTYPES
from conform.draw.structure import Draws
from conform.judge.decisions import Decision
from conform.judge.sampling import as_tuple
from conform.run.calls import Client, TargetCalls
from conform.run.local import LocalClient
from conform.run.oracle import Oracle, Truth
from conform.run.profiles import Profile
from conform.run.session import Session
from conform.spec.book import Book, Operator
from conform.target.claims import OperatorClaim

Tensor = torch.Tensor
Function = Callable[..., Any]
REMEMBERED = 400  # truths, each with its samples


def full_claims(book: Book) -> dict[str, OperatorClaim]:
    """Claims on every operator with all of its options."""
    return {
        name: OperatorClaim(name, name, frozenset(operator.spec.options))
        for name, operator in book.operators.items()
    }


def result_dtypes(operator: Operator, given: torch.dtype | None) -> list[torch.dtype | None]:
    """What floating results are stored in when the float inputs are of dtype `given`."""
    found: list[torch.dtype | None] = []
    for spec in operator.spec.results:
        names = (spec.dtype,) if isinstance(spec.dtype, str) else spec.dtype
        if "same" in names:
            found.append(given or torch.float32)
        elif "float" in names:
            found.append(torch.float64 if given == torch.float64 else torch.float32)
        else:
            known = [DTYPES[name] for name in names if name in DTYPES]
            found.append(next((d for d in known if d.is_floating_point), None))
    return found


def stored(operator: Operator, function: Function, work: torch.dtype) -> Function:
    """`function` computed in `work`, its results rounded to the dtypes that the spec says."""

    def call(*args: Any, **options: Any) -> Any:
        floats = [
            x.dtype
            for x in (*args, *options.values())
            if isinstance(x, Tensor) and x.is_floating_point()
        ]
        raw = function(
            *(_cast(x, work) for x in args), **{name: _cast(x, work) for name, x in options.items()}
        )
        kinds = result_dtypes(operator, floats[0] if floats else None)
        results = as_tuple(raw)
        if len(results) != len(kinds):
            return raw
        made = tuple(
            _cast(x, kind) if kind is not None else x
            for x, kind in zip(results, kinds, strict=True)
        )
        return made if isinstance(raw, (tuple, list)) else made[0]

    return call


def _cast(x: Any, dtype: torch.dtype) -> Any:
    return x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x


class RememberingOracle(Oracle):
    """An oracle that answers the same question once. Keeps the last REMEMBERED answers."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator, {})
        self._known: OrderedDict[Any, Any] = OrderedDict()

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def truth(
        self,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        dtype: str,
        seed: int,
        forced: Mapping[str, Sequence[Tensor]] | None = None,
    ) -> Truth:
        """As the oracle's."""
        make = super().truth
        if forced:
            return make(args, options, dtype, seed, forced)
        key = ("forward", _print(args), _print(options.items()), dtype, seed)
        found: Truth = self._once(key, lambda: make(args, options, dtype, seed))
        return found

    def gradient_truth(
        self,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        dtype: str,
        seed: int,
        wrt: tuple[int | str, ...],
        cotangents: tuple[Tensor, ...],
        decisions: Sequence[Decision] = (),
    ) -> Truth:
        """As the oracle's."""
        make = super().gradient_truth
        asked = (_print(args), _print(options.items()), dtype, seed, wrt, _print(cotangents))
        found: Truth = self._once(
            ("backward", *asked),
            lambda: make(args, options, dtype, seed, wrt, cotangents, decisions),
        )
        return found


def _print(values: Any) -> tuple[Any, ...]:
    """A hashable image of arguments."""
    return tuple(
        _print(x)
        if isinstance(x, tuple)
        else (tuple(x.shape), str(x.dtype), hash(x.detach().contiguous().numpy().tobytes()))
        if isinstance(x, Tensor)
        else repr(x)
        for x in values
    )


class UnjudgedSession(Session):
    """A session in which a law stands alone: calls are not held against the oracle."""

    def calls(self, operator: str, case: Case, dtype: str, *, judging: bool = True) -> TargetCalls:
        """Calls that are never judged."""
        return super().calls(operator, case, dtype, judging=False)

    def fresh_calls(
        self, operator: str, case: Case, dtype: str, *, judging: bool = True
    ) -> TargetCalls:
        """The same without remembering."""
        return super().fresh_calls(operator, case, dtype, judging=False)


@dataclass
class Bench:
    """Sessions for many implementations of one operator; cases and truths are shared."""

    book: Book
    profile: Profile
    seed: int = 0
    claims: dict[str, OperatorClaim] = field(init=False)
    _oracles: dict[str, Oracle] = field(init=False)
    _drawn: dict[str, Draws] = field(default_factory=dict)
    _right: dict[str, Function] = field(init=False)

    def __post_init__(self) -> None:
        self.claims = full_claims(self.book)
        self._oracles = {
            name: RememberingOracle(operator) for name, operator in self.book.operators.items()
        }
        self._right = {name: _right(operator) for name, operator in self.book.operators.items()}

    def oracle(self, name: str) -> Function:
        """The right function, for mistakes that are expressions over it."""
        return self._oracles[name].function

    def session(self, operator: str, function: Function, *, judged: bool = True) -> Session:
        """A session on a target that has `function` for `operator` and is right elsewhere."""
        client: Client = LocalClient({**self._right, operator: function})
        kind = Session if judged else UnjudgedSession
        return kind(
            "in process",
            client,
            self.claims,
            self.book,
            self.profile,
            self.seed,
            _oracles=self._oracles,
            _drawn=self._drawn,
        )


def _right(operator: Operator) -> Function:
    """The reference in float64, its results rounded once; imported when first called."""
    return lambda *args, **options: stored(operator, operator.function, torch.float64)(
        *args, **options
    )
