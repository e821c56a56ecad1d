"""One target under test: its client, its claims, its oracles, and the cases drawn for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conform.draw.case import Case
from conform.draw.structure import PLAIN, Constraints, Drawn, Variant, draw_cases, draw_extra, vary
from conform.records import Diagnosis
from conform.run.calls import Client, TargetCalls
from conform.run.material import Material, materialise
from conform.run.oracle import Oracle
from conform.run.profiles import Profile
from conform.spec.book import Book, Property
from conform.target.claims import OperatorClaim
from conform_spec.conventions import CONVENTIONS

FULLY_SHRUNK = 2  # failures of one operator
KEPT = 64  # materials in memory


@dataclass
class Session:
    """A target being judged. `dtypes` are those to judge, `seed` fixes every draw."""

    name: str
    client: Client
    claims: Mapping[str, OperatorClaim]
    book: Book
    profile: Profile
    seed: int = 0
    device: str = "cpu"
    timeout: float | None = None
    before_case: Callable[[Property, Case, str], None] = lambda law, case, dtype: None
    _failures: dict[str, int] = field(default_factory=dict)
    _explained: dict[tuple[str, bool], tuple[Diagnosis, ...]] = field(default_factory=dict)
    _oracles: dict[str, Oracle] = field(default_factory=dict)
    _drawn: dict[str, list[Drawn]] = field(default_factory=dict)
    _calls: OrderedDict[Any, TargetCalls] = field(default_factory=OrderedDict)

    @property
    def operators(self) -> frozenset[str]:
        """All operators a law may name."""
        return frozenset(self.book.operators)

    def oracle(self, operator: str) -> Oracle:
        """The oracle under the target's declarations."""
        if operator not in self._oracles:
            claim = self.claims.get(operator)
            conventions = dict(claim.conventions) if claim else {}
            compute = conventions.pop("compute_dtype", "input")
            self._oracles[operator] = Oracle(
                self.book.operator(operator),
                conventions,
                (claim.rounding or "") if claim else "",
                compute,
            )
        return self._oracles[operator]

    def shrink_budget(self, law: Property) -> float:
        """Seconds for shrinking: an operator's later failures mostly repeat its first ones."""
        seen = self._failures.get(law.operator, 0)
        self._failures[law.operator] = seen + 1
        return self.profile.shrink_seconds if seen < FULLY_SHRUNK else 0.3

    def explained(
        self, law: Property, find: Callable[[], tuple[Diagnosis, ...]]
    ) -> tuple[Diagnosis, ...]:
        """The diagnosis of an operator's values, or of its gradients: found once, then repeated."""
        key = (law.operator, law.kind == "gradient")
        if not self._explained.get(key):
            attempts = self._failures.get(law.operator, 0)
            self._explained[key] = find() if attempts <= 2 * FULLY_SHRUNK else ()
        return self._explained[key]

    def conventional(self, operator: str) -> bool:
        """Whether the target declares conventions or fixed options for the operator."""
        return bool(self.oracle(operator).conventions or self.claims[operator].fixed)

    def narrowed(self, operator: str) -> bool:
        """Whether the target claims less of the operator than its contract offers."""
        claim = self.claims[operator]
        everything = set(self.book.operator(operator).spec.options)
        return bool(everything - claim.options or claim.limits or claim.requires or claim.fixed)

    def asked(self, law: Property) -> bool:
        """Whether the law is meant for targets with this one's conventions."""
        claim = self.claims[law.operator]
        return all(
            claim.conventions.get(name, CONVENTIONS[name][0]) == value
            for name, value in law.spec.conventions.items()
        )

    def constraints(self, operator: str) -> Constraints:
        """What the claim leaves to be drawn."""
        from conform.run.constraints import constraints_of

        return constraints_of(self.book.operator(operator), self.claims[operator])

    def drawn(self, operator: str, count: int) -> list[Drawn]:
        """The operator's first `count` cases; more are drawn when more are asked for."""
        have = self._drawn.get(operator, [])
        if len(have) < count:
            have = draw_cases(
                self.book.operator(operator).spec, count, self.seed, self.constraints(operator)
            )
            self._drawn[operator] = have
        return have[:count]

    def case_of(
        self,
        law: Property,
        drawn: Drawn,
        limits: Constraints | None = None,
        variant: Variant | None = None,
    ) -> Case:
        """The law's variant of a drawn case, with the law's own draws."""
        operator = self.book.operator(law.operator)
        variant = variant or variant_of(law)
        case = drawn.case
        if variant != PLAIN or limits is not None:
            case = vary(
                operator.spec, drawn, self.seed, limits or self.constraints(law.operator), variant
            )
        return draw_extra(case, law.spec.draw, law.id)

    def calls(self, operator: str, case: Case, dtype: str, *, judging: bool = True) -> TargetCalls:
        """Calls on the case made concrete; shared by all laws of the same case."""
        key = (operator, dtype, case.identity(), judging)
        if key not in self._calls:
            self._calls[key] = self.fresh_calls(operator, case, dtype, judging=judging)
            while len(self._calls) > KEPT:
                self._calls.popitem(last=False)
        self._calls.move_to_end(key)
        return self._calls[key]

    def fresh_calls(
        self, operator: str, case: Case, dtype: str, *, judging: bool = True
    ) -> TargetCalls:
        """The same without remembering."""
        claim = self.claims[operator]
        material: Material = materialise(
            self.book.operator(operator), case, dtype, lambda name: name in claim.options
        )
        return TargetCalls(material, self.client, self.claims, self.oracle, self.timeout, judging)


def variant_of(law: Property) -> Variant:
    """The changes that a law makes to the drawn cases."""
    spec = law.spec
    return Variant(dict(spec.dims), dict(spec.options), spec.regimes, spec.values)
