"""One target under test: its client, its claims, its oracles, and the cases drawn for it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conform.draw.case import Case, derive_seed
from conform.draw.options import many_options
from conform.draw.structure import Draws, draw_extra, vary
from conform.draw.variant import PLAIN, Constraints, Drawn, Variant
from conform.records import Diagnosis, Level
from conform.run.calls import Client, TargetCalls
from conform.run.material import Material, materialise
from conform.run.oracle import Oracle
from conform.run.profiles import Profile
from conform.spec.book import SMOOTH, Book, Property
from conform.target.claims import OperatorClaim
from conform_spec.conventions import CONVENTIONS

FLOATS = ("float32", "bfloat16", "float16", "float64")
FULLY_SHRUNK = 2  # failures of one operator
NUMBERS = 2  # times as many cases where numbers and masks alone go in, as they are cheap
KEPT = 64  # materials in memory
RECALLED = 64  # what an operator was asked last


@dataclass(frozen=True)
class Asked:
    """A law that was tried on a case."""

    law: Property
    case: Case
    dtype: str


@dataclass
class Session:
    """A target being judged. `dtypes` are those to judge, `seed` fixes every draw.

    `promises` and `interprets` are what the target's description says, `flowing` where gradients
    are known to flow. `renew` starts a worker that remembers no call, `remembering` are operators
    that went wrong because of earlier calls.
    """

    name: str
    client: Client
    claims: Mapping[str, OperatorClaim]
    book: Book
    profile: Profile
    seed: int = 0
    device: str = "cpu"
    timeout: float | None = None
    before_case: Callable[[Property, Case, str], None] = lambda law, case, dtype: None
    renew: Callable[[], None] | None = None
    promises: tuple[str, ...] = ()
    interprets: bool = False
    dtypes: tuple[str, ...] = FLOATS
    flowing: dict[Any, frozenset[int | str]] = field(default_factory=dict)
    remembering: set[str] = field(default_factory=set)
    _failures: dict[str, int] = field(default_factory=dict)
    _earlier: dict[str, deque[Asked]] = field(default_factory=dict)
    _explained: dict[tuple[str, bool], tuple[Diagnosis, ...]] = field(default_factory=dict)
    _oracles: dict[str, Oracle] = field(default_factory=dict)
    _drawn: dict[str, Draws] = field(default_factory=dict)
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

    def share(self, law: Property, dtype: str) -> tuple[int, int]:
        """The law's cases in a dtype: where they begin, and how many are wanted.

        Values and gradients are asked in every dtype, of other cases in each: what is wrong with a
        shape, or with options taken together, shows in any. So fewer dtypes get more cases each.
        """
        floating = self.book.operator(law.operator).floating
        own = [name for name in FLOATS if floating and name in self.dtypes] or [dtype]
        if law.kind == "law":
            # Each law begins at a case of its own among those that agreement asks in the dtype.
            # (Metered calls are dear: their laws share them.)
            wanted = self.profile.agreement * len(FLOATS) // len(own)
            begin = wanted * own.index(dtype) if dtype in own else 0
            begin += derive_seed(law.id) % wanted
            found = max(1, len(self.drawn(law.operator, begin + 1)))
            return (0 if law.measures else begin % found), self.profile.law
        wanted = self.profile.agreement if law.kind == "agreement" else self.profile.gradient
        wanted = wanted * len(FLOATS) // len(own)
        if law.kind == "agreement" and not floating:
            wanted *= NUMBERS
        begin = wanted * own.index(dtype) if dtype in own else 0
        # A narrow claim may leave fewer cases than that.
        found = len(self.drawn(law.operator, begin + wanted))
        return max(0, min(begin, found - wanted)), wanted

    def remember(self, asked: Asked) -> None:
        """Note what is tried, for failures that hang on what came before them."""
        self._earlier.setdefault(asked.law.operator, deque(maxlen=RECALLED)).append(asked)

    def earlier(self, operator: str) -> tuple[Asked, ...]:
        """What the operator was asked last."""
        return tuple(self._earlier.get(operator, ()))

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
        """Whether the law is meant for a target with these conventions, promises and kernels."""
        if law.spec.promise is not None:
            if law.spec.promise not in self.promises and not self.interprets:
                return False
        elif law.kernels_only and not self.interprets:
            return False
        if self.interprets and not law.spec.interpreted:
            return False
        claim = self.claims[law.operator]
        return all(
            claim.conventions.get(name, CONVENTIONS[name][0]) == value
            for name, value in law.spec.conventions.items()
        )

    def levelled(self, law: Property) -> Property:
        """The law at the level at which it is asked: what is not promised is advice."""
        if law.spec.promise is None or law.spec.promise in self.promises:
            return law
        level = Level.SHOULD if law.spec.level is Level.MUST else law.spec.level
        return replace(law, spec=law.spec.model_copy(update={"level": level}), unpromised=True)

    def constraints(self, operator: str) -> Constraints:
        """What the claim leaves to be drawn."""
        from conform.run.constraints import constraints_of

        return constraints_of(self.book.operator(operator), self.claims[operator])

    def many_options(self, operator: str) -> bool:
        """Whether some cases are plain on purpose."""
        return many_options(self.book.operator(operator).spec, self.constraints(operator))

    def drawn(self, operator: str, count: int) -> list[Drawn]:
        """The operator's first `count` cases; more are drawn when more are asked for."""
        if operator not in self._drawn:
            self._drawn[operator] = Draws(
                self.book.operator(operator).spec, self.seed, self.constraints(operator)
            )
        return self._drawn[operator].first(count)

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
        calls = TargetCalls(material, self.client, self.claims, self.oracle, self.timeout, judging)
        calls.own = self.name == "reference"
        return calls


def variant_of(law: Property) -> Variant:
    """The changes that a law makes to the drawn cases."""
    spec = law.spec
    regimes = spec.regimes or (SMOOTH if law.differentiates and law.kind == "law" else None)
    return Variant(dict(spec.dims), dict(spec.options), regimes, spec.values, bool(spec.dims))
