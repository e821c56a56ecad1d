"""Cases of an operator: Hypothesis draws the structure, in chunks, under a target's constraints."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from conform.draw.case import Case, Source, Value, derive_seed
from conform.draw.choosers import RecordingChooser, ReplayChooser
from conform.draw.expressions import Chooser, DrawScope, Unsatisfied, sizes
from conform.law.grammar import LawError, parse, written_out
from conform.spec.models import InputSpec, OperatorSpec

SAME = 6  # every so many cases a size repeats an earlier one, where it may
MANY, STRATA = (
    3,
    6,
)  # options: one case in six has all at their defaults but a flag, two all but two
CHUNK = 5  # cases per Hypothesis example; larger ones overrun its buffer
REGIMES = (
    "normal", "large", "tiny", "outlier", "ties", "mixed_scale", "constant", "large_mean",
    "one_hot", "sorted", "near_limits", "signed_zeros", "subnormal",
)  # fmt: skip
DISTINCT = frozenset({"normal", "sorted", "near_limits"})  # who asks for these alone means it


class OptionNotClaimed(Exception):
    """A law fixes an option that the target does not claim."""


# What a target takes (`strides`, contracts.md) as layouts to draw; half of transposed is swapped,
# or a third with the channels last where there are four dims; half of sliced is cut where there are
# several matrices.
LAYOUTS = {
    "any": ("contiguous", "transposed", "sliced", "misaligned", "expanded"),
    "last_contiguous": ("contiguous", "sliced", "misaligned", "swapped"),
    "contiguous": ("contiguous", "misaligned"),
}


@dataclass(frozen=True)
class Constraints:
    """What narrows the drawing for one target (or one law).

    `limit` maps a dim or option name and a drawn value to an allowed one; `accept` decides on the
    finished case; `equal` names dims that take another's value; `options` are the claimed ones;
    `fixed` are values that are always so.
    """

    options: frozenset[str] | None = None
    fixed: dict[str, Any] = field(default_factory=dict)
    limit: Callable[[str, Any], Any] = lambda name, value: value
    accept: Callable[[Case], bool] = lambda case: True
    layouts: tuple[str, ...] = LAYOUTS["any"]
    equal: dict[str, str] = field(default_factory=dict)
    wrt: tuple[str, ...] = ("all", "first", "all", "rest", "one")


@dataclass(frozen=True)
class Variant:
    """Changes that a law makes to the drawn cases; `sized` when it is about sizes of its own,
    `plain` when many options that it leaves free stay at their defaults."""

    dims: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    regimes: tuple[str, ...] | None = None
    values: str | None = None
    sized: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Drawn:
    """A case and the choices behind it, from which its variants follow."""

    case: Case
    choices: dict[str, int]


PLAIN = Variant()
ANY = Constraints()


class Draws:
    """The cases of an operator in their order, drawn as far as somebody asks.

    The same spec, seed and library versions give the same cases.
    """

    def __init__(self, spec: OperatorSpec, seed: int, limits: Constraints = ANY) -> None:
        self._spec = spec
        self._seed = seed
        self._limits = limits
        self._found: list[Drawn] = []
        self._start = 0

    def first(self, count: int) -> list[Drawn]:
        """The first `count` cases; fewer when the constraints can hardly be met."""
        while len(self._found) < count and self._start < 6 * (count + CHUNK):
            chunk = _chunk(self._spec, self._start, self._seed, self._limits)
            self._start += CHUNK
            self._found += [d for d in chunk if d is not None and self._limits.accept(d.case)]
        return self._found[:count]


def draw_cases(spec: OperatorSpec, count: int, seed: int, limits: Constraints = ANY) -> list[Drawn]:
    """`count` cases of the operator (fewer when the constraints can hardly be met)."""
    return Draws(spec, seed, limits).first(count)


def _chunk(spec: OperatorSpec, start: int, seed: int, limits: Constraints) -> list[Drawn | None]:
    collected: list[list[Drawn | None]] = []

    @st.composite
    def one(draw: Any, index: int) -> Drawn | None:
        draw(st.just(None))  # an operator may have nothing to choose; Hypothesis warns of that
        chooser = RecordingChooser(draw, index, (seed, spec.operator))
        try:
            case = build(spec, chooser, index, seed, limits, PLAIN)
        except Unsatisfied:
            return None
        return Drawn(case, chooser.choices)

    @hypothesis_seed(derive_seed(seed, spec.operator, start))
    @settings(
        max_examples=2,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.tuples(*(one(start + offset) for offset in range(CHUNK))))
    def collect(cases: tuple[Drawn | None, ...]) -> None:
        collected.append(list(cases))

    collect()
    # Hypothesis starts with the simplest example; the second is the random one.
    return collected[-1]


def vary(
    spec: OperatorSpec, drawn: Drawn, seed: int, limits: Constraints, variant: Variant
) -> Case:
    """The same case with a law's changes; Unsatisfied when they contradict the constraints."""
    chooser = ReplayChooser(drawn.choices, drawn.case.index, drawn.case.seed, (seed, spec.operator))
    case = build(spec, chooser, drawn.case.index, seed, limits, variant)
    if not limits.accept(case):
        raise Unsatisfied("the target's conditions exclude the case")
    return case


def draw_extra(case: Case, draws: dict[str, str], salt: str) -> Case:
    """The case with a law's own draws added."""
    if not draws:
        return case
    names: dict[str, Any] = {**case.dims, **case.options, **case.inputs}
    chooser = ReplayChooser({}, case.index, case.seed, salt)
    scope = DrawScope(chooser, names)
    values: dict[str, Value] = {}
    for name, text in draws.items():
        values[name] = scope.draw(text, f"draw.{salt}.{name}")
        names[name] = values[name]
    return case.with_(draws=values)


def build(
    spec: OperatorSpec,
    chooser: Chooser,
    index: int,
    seed: int,
    limits: Constraints,
    variant: Variant,
) -> Case:
    """One case from a chooser."""
    names: dict[str, Any] = {}
    scope = DrawScope(chooser, names)
    for name, text in spec.dims.items():
        # (What was chosen among the operator's alternatives says nothing about the law's.)
        if name in variant.dims:
            value = scope.draw(variant.dims[name], f"law.dim.{name}")
        else:
            value = _same(scope, name, text, scope.draw(text, f"dim.{name}"))
        same = "" if name in variant.dims else limits.equal.get(name, "")
        names[name] = names[same] if same in names else limits.limit(name, value)
        if names[name] != value and _is_product(parse(text)) and name not in variant.dims:
            # A product such as K * group cannot be moved by itself.
            raise Unsatisfied(f"{name}={value} is outside of the target's limits")
    dims = dict(names)
    lead = _leading(chooser)
    regime = _regime(chooser, variant)
    layout = limits.layouts[chooser.stratum(len(limits.layouts), "layout")]
    if variant.plain:
        layout = "contiguous"
    if layout == "expanded" and regime == "near_limits" and variant.regimes is None:
        regime = "large"  # near the limits equal rows are a tie that the last bit decides
    # A law about sizes, or about distinct values, sees little where rows are equal.
    apart = variant.sized or (variant.regimes is not None and DISTINCT.issuperset(variant.regimes))
    if layout == "expanded" and apart:
        layout = "sliced"
    inputs: dict[str, Value] = {}
    for name, item in spec.inputs.items():
        value = _input(scope, name, item, lead, regime, variant)
        if isinstance(value, Source):
            plain = item.regimes == ("normal",) and layout == "expanded"
            value = _laid_out(value, "sliced" if plain else layout, chooser)
        inputs[name] = limits.limit(name, value)
        names[name] = inputs[name]
    options = _options(spec, scope, chooser, limits, variant, layout)
    slots = len(spec.gradient) + sum(item.gradient for item in spec.options.values())
    return Case(
        spec.operator,
        index,
        derive_seed(seed, spec.operator, index),
        regime,
        dims,
        inputs,
        options,
        cotangents=limits.layouts[chooser.stratum(len(limits.layouts), "layout.cotangents")],
        wrt=limits.wrt[chooser.stratum(len(limits.wrt), "wrt")] if slots > 1 else "all",
        derived="contiguous" if limits.layouts == ("contiguous",) else "mixed",
    )


def _same(scope: DrawScope, name: str, text: str, value: Value) -> Value:
    """The drawn size, or now and then an earlier one: who tells axes apart by their sizes errs.

    As often all sizes of a case are the first one, where they may.
    """
    every = not scope.chooser.stratum(SAME, "same")
    if not every and scope.chooser.stratum(SAME, f"same.{name}"):
        return value
    others = [
        n
        for n in dict.fromkeys(scope.names.values())
        if (every or n != value) and type(n) is int and n > 1 and scope.allows(text, n)
    ]
    if every and others:
        return others[0]
    return others[scope.chooser.stratum(len(others), f"same.{name}.as")] if others else value


def _is_product(node: ast.expr) -> bool:
    """K * group, or a choice among such."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "choose":
        return any(_is_product(item) for item in node.args)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _leading(chooser: Chooser) -> tuple[int, ...]:
    return ((), (3,), (2, 3))[chooser.stratum(3, "lead")]


def _regime(chooser: Chooser, variant: Variant) -> str:
    names = variant.regimes or REGIMES
    # (A law about sizes is asked of normal values three times out of four.)
    usual = 3 * len(names) if variant.sized else 2
    pool = ("normal",) * usual + tuple(names) if "normal" in names else tuple(names)
    own = variant.regimes is not None or variant.sized
    return pool[chooser.stratum(len(pool), "law.regime" if own else "regime")]


def _input(
    scope: DrawScope,
    name: str,
    item: InputSpec,
    lead: tuple[int, ...],
    regime: str,
    variant: Variant,
) -> Value:
    if item.scalar is not None:
        return scope.draw(item.scalar, f"input.{name}")
    if item.optional and scope.chooser.stratum(2, f"input.{name}.given"):
        return None
    texts = [text for text in item.shape or () if text != "..."]
    extra = lead if item.shape and item.shape[0] == "..." else ()
    shape = (*extra, *(scope.draw(text, f"shape.{name}.{i}") for i, text in enumerate(texts)))
    symbols = (*("" for _ in extra), *texts)
    words = item.values
    if words in ("regime", "weights", "gain", "shift", "positive", "lse"):
        if variant.values is not None:
            words = variant.values.split("(")[0]
        allowed = item.regimes
        like = {"late": "outlier", "huge": "large"}.get(regime, regime)
        own = regime if allowed is None or like in allowed else "normal"
        return Source(words, sizes(shape), (), name, own, symbols=symbols, dtype=item.dtype or "")
    value = scope.draw(words, f"values.{name}")
    if isinstance(value, Source):
        fixed = {**value.__dict__, "key": name, "symbols": symbols, "dtype": item.dtype or ""}
        if (
            item.shape is not None
            and not value.is_callable
            and value.generator not in ("splits", "lengths", "permutation")
        ):
            fixed["shape"] = sizes(shape)
        return Source(**fixed)
    return value


def _options(
    spec: OperatorSpec,
    scope: DrawScope,
    chooser: Chooser,
    limits: Constraints,
    variant: Variant,
    layout: str,
) -> dict[str, Value]:
    """Claimed options only; a law's fixed options win, then the target's fixed ones."""
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
            value = _laid_out(Source(**{**value.__dict__, "key": name}), layout, chooser)
        options[name] = value
        scope.names[name] = value
    return options


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


def _laid_out(source: Source, layout: str, chooser: Chooser) -> Source:
    """The layout for this input: most inputs of a case share it, a third stay contiguous."""
    if source.is_callable or not source.shape or layout == "contiguous":
        return source
    if chooser.integer(0, 2, f"layout.{source.key}") == 0:
        return source
    if layout == "expanded":
        axes = [i for i, n in enumerate(source.shape[:-1]) if n > 1]
        if not axes or not source.is_float:
            return source
        axis = axes[chooser.pick(len(axes), f"expanded.{source.key}")]
        return Source(**{**source.__dict__, "layout": f"expanded:{axis}"})
    if layout == "transposed" and source.generator in ("gain", "shift"):
        # Nobody keeps a norm's parameters with gaps between them; PyTorch's own batch norm then
        # reads others on the way back.
        layout = "sliced"
    if layout == "transposed" and len(source.shape) > 2:
        among = ("transposed", "swapped", "channels_last")[: 3 if len(source.shape) == 4 else 2]
        layout = among[chooser.stratum(len(among), f"swapped.{source.key}")]
    if layout == "sliced" and math.prod(source.shape[:-2]) > 1:
        among = ("sliced", "pitched", "cut", "parted")[: 4 if len(source.shape) > 3 else 3]
        layout = among[chooser.stratum(len(among), f"cut.{source.key}")]
    return Source(**{**source.__dict__, "layout": layout})


def check(spec: OperatorSpec) -> None:
    """Evaluate every draw expression of a spec a few times; LawError when one cannot be."""
    for index in range(4):
        try:
            build(spec, ReplayChooser({}, index, index, spec.operator), index, 0, ANY, PLAIN)
        except Unsatisfied:
            continue


__all__ = [
    "ANY",
    "PLAIN",
    "Constraints",
    "Drawn",
    "LawError",
    "Variant",
    "build",
    "check",
    "draw_cases",
    "draw_extra",
    "vary",
]
