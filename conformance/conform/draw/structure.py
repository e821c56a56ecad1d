"""Cases of an operator: Hypothesis draws the structure, in chunks, under a target's constraints."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import cycle
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from conform.draw.case import Case, Source, Value, derive_seed
from conform.draw.choosers import RecordingChooser, ReplayChooser
from conform.draw.expressions import Chooser, DrawScope, Unsatisfied, sizes
from conform.draw.layouts import in_layout, laid_out
from conform.draw.leads import with_leads
from conform.draw.options import drawn_options
from conform.draw.variant import ANY, PLAIN, Constraints, Drawn, Variant
from conform.law.grammar import parse
from conform.spec.models import InputSpec, OperatorSpec

SAME = 6  # every so many cases a size repeats an earlier one, where it may
CHUNK = 5  # cases per Hypothesis example; larger ones overrun its buffer
REGIMES = (
    "normal", "large", "tiny", "outlier", "ties", "mixed_scale", "constant", "large_mean",
    "one_hot", "sorted", "near_limits", "signed_zeros", "subnormal",
)  # fmt: skip
DISTINCT = frozenset({"normal", "sorted", "near_limits"})  # who asks for these alone means it


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
    distinct = variant.regimes is not None and DISTINCT.issuperset(variant.regimes)
    if layout == "expanded" and (variant.sized or distinct):
        layout = "sliced"

    forced = cycle(variant.layout.split("|"))

    def lay(source: Source, normal: bool = False) -> Source:
        source = with_leads(source, spec.leading, variant.leads)
        if variant.layout:
            # (Of several layouts vectors take none, so that matrices lie in turn.)
            several = "|" in variant.layout
            return source if several and len(source.shape) < 2 else in_layout(source, next(forced))
        own = "sliced" if normal and layout == "expanded" else layout
        return laid_out(source, own, chooser)

    inputs: dict[str, Value] = {}
    for name, item in spec.inputs.items():
        value = _input(scope, name, item, lead, regime, variant)
        if isinstance(value, Source):
            value = lay(_zeroed(value, name, variant), item.regimes == ("normal",))
        inputs[name] = limits.limit(name, value)
        names[name] = inputs[name]
    options = {
        name: _zeroed(value, name, variant) if isinstance(value, Source) else value
        for name, value in drawn_options(spec, scope, chooser, limits, variant, lay).items()
    }
    slots = len(spec.gradient) + sum(item.gradient for item in spec.options.values())
    # (There are few cases of certain sizes: all gradients at once show most.)
    certain = variant.sized or bool(variant.leads or variant.zeros)
    return Case(
        spec.operator,
        index,
        derive_seed(seed, spec.operator, index),
        regime,
        dims,
        inputs,
        options,
        cotangents=limits.layouts[chooser.stratum(len(limits.layouts), "layout.cotangents")],
        wrt="all" if slots < 2 or certain else limits.wrt[chooser.stratum(len(limits.wrt), "wrt")],
        derived="contiguous" if limits.layouts == ("contiguous",) else "mixed",
    )


def _zeroed(source: Source, name: str, variant: Variant) -> Source:
    """The tensor, of zeros where the variant says so."""
    return replace(source, regime="zeros") if name in variant.zeros else source


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


def check(spec: OperatorSpec) -> None:
    """Evaluate every draw expression of a spec a few times; LawError when one cannot be."""
    for index in range(4):
        try:
            build(spec, ReplayChooser({}, index, index, spec.operator), index, 0, ANY, PLAIN)
        except Unsatisfied:
            continue
