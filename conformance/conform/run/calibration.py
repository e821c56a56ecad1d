"""Measuring the numeric criterion: correct runs that must pass, mutants of them that must not.

Correct runs evaluate the reference in ways that real implementations do; mutants spoil a correct
result by about as little as should be noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch

from conform.draw.case import Case, derive_seed
from conform.draw.fill import DTYPES, stream
from conform.judge.criterion import bound_of, spread, ulp
from conform.records import Outcome
from conform.run.calls import Judged, NotClaimed, Refused, TargetCalls, Violation
from conform.run.implementations import Bench, Function, stored
from conform.run.mistakes import mistake_function
from conform.run.profiles import Profile
from conform.run.session import Session
from conform.spec.book import Book, Operator
from conform_reference.rounding import marks

Tensor = torch.Tensor
CALIBRATED = ("float32", "bfloat16", "float16")
CHUNK = 10  # cases for one seed
FIRST_SEED = 1000  # apart from the seeds that people use
SPOILT_CASES = 12  # cases on which each mutant and mistake is tried
BARREN = 6  # seeds without a judged call after which an operator is given up
_BITS = {torch.float32: 24, torch.bfloat16: 8, torch.float16: 11}


@dataclass
class Tried:
    """On how many cases a mutant was noticed, of those that it changed."""

    noticed: int = 0
    cases: int = 0


@dataclass
class Figures:
    """What was measured on one operator in one dtype; `alarms` are the messages of correct runs."""

    operator: str
    dtype: str
    calls: int = 0
    cases: int = 0
    skipped: int = 0
    alarms: list[str] = field(default_factory=list)
    worst_ratio: float = 0.0
    worst_rms: float = 0.0
    mistakes: dict[str, Tried] = field(default_factory=dict)
    mutants: dict[str, Tried] = field(default_factory=dict)


# -- correct implementations -------------------------------------------------------------------


def correct_functions(
    operator: Operator, dtype: str, rounded: frozenset[str]
) -> dict[str, Function]:
    """The reference, evaluated as right implementations in `dtype` do.

    `rounded` are the marks that the default rounding model excuses.
    """
    storage = DTYPES[dtype]

    def excused(name: str, x: Tensor) -> Tensor:
        if name.startswith("float32."):
            return _through(x, torch.float32)
        return _through(x, storage) if name in rounded else x

    def single(name: str, x: Tensor) -> Tensor:
        return _through(x, torch.float32)

    reference = operator.function
    return {
        "in the dtype": reference,
        "in float32": stored(operator, reference, torch.float32),
        "marks rounded": stored(operator, _hooked(reference, excused), torch.float32),
        "marks in float32": stored(operator, _hooked(reference, single), torch.float64),
    }


def _through(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype).to(x.dtype) if x.is_floating_point() else x


def _hooked(function: Function, hook: Callable[[str, Tensor], Tensor]) -> Function:
    def call(*args: Any, **options: Any) -> Any:
        inside: AbstractContextManager[None] = marks(hook)
        with inside:
            return function(*args, **options)

    return call


# -- mutants -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Correct:
    """A correct call: float64 results, bounds of the floating ones, and a stream of numbers."""

    calls: TargetCalls
    exact: tuple[Any, ...]
    bounds: list[Tensor]
    dtypes: tuple[torch.dtype | None, ...]
    seed: int


def _one_element(x: Tensor, bound: Tensor, dtype: torch.dtype, seed: int) -> Tensor | None:
    usable = (torch.isfinite(bound) & torch.isfinite(x) & (bound > 0)).flatten().nonzero().flatten()
    if not usable.numel():
        return None
    place = usable[int(stream(seed, "element").integers(0, usable.numel()))]
    out = x.clone(memory_format=torch.contiguous_format)
    out.view(-1)[place] += 4 * bound.flatten()[place]
    return out


def _dense(x: Tensor, bound: Tensor, dtype: torch.dtype, seed: int) -> Tensor | None:
    signs = torch.from_numpy(stream(seed, "signs").choice([-2.0, 2.0], tuple(x.shape)))
    return x + signs * ulp(torch.nan_to_num(x, posinf=0.0, neginf=0.0), dtype)


def _truncated(x: Tensor, bound: Tensor, dtype: torch.dtype, seed: int) -> Tensor | None:
    if dtype not in (torch.bfloat16, torch.float16):
        return None
    step = ulp(torch.nan_to_num(x, posinf=0.0, neginf=0.0), dtype)
    return torch.trunc(x / step) * step


def _zero_row(x: Tensor, bound: Tensor, dtype: torch.dtype, seed: int) -> Tensor | None:
    if not x.numel():
        return None
    rows = x.reshape(-1, x.shape[-1]) if x.dim() else x.reshape(1, 1)
    live = ((rows != 0) & torch.isfinite(rows)).any(-1).nonzero().flatten()
    if not live.numel():
        return None
    out = rows.clone()
    out[live[int(stream(seed, "row").integers(0, live.numel()))]] = 0.0
    return out.reshape(x.shape)


RESULT_MUTANTS: dict[str, Callable[[Tensor, Tensor, torch.dtype, int], Tensor | None]] = {
    "one element 4 bounds off": _one_element,
    "every element 2 ulps off": _dense,
    "truncated, not rounded": _truncated,
    "a row of zeros": _zero_row,
}
LOWER = "inputs in half the precision"


def fewer_bits(x: Any, dtype: torch.dtype) -> Any:
    """A float tensor rounded to half the significant bits of `dtype`."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return x
    mantissa, exponent = torch.frexp(x)
    steps = 2.0 ** (_BITS[dtype] // 2)
    coarse = torch.ldexp((mantissa * steps).round() / steps, exponent)
    return torch.where(torch.isfinite(x), coarse, x)


# -- measuring ---------------------------------------------------------------------------------


def measure(book: Book, profile: Profile, name: str, dtype: str, runs: int) -> Figures:
    """False alarms over `runs` correct calls, and what is noticed of mistakes and mutants."""
    operator = book.operator(name)
    found = Figures(name, dtype)
    seed, barren = FIRST_SEED, 0
    while found.calls < runs and barren < BARREN:
        before = found.calls
        bench = Bench(book, profile, seed)
        rounded = bench.session(name, operator.function).oracle(name).model(dtype).rounded
        sessions = {
            label: bench.session(name, function)
            for label, function in correct_functions(operator, dtype, rounded).items()
        }
        for case in _cases(sessions, name):
            if found.calls >= runs:
                break
            _correct_runs(sessions, name, case, dtype, found)
            if found.cases <= SPOILT_CASES:
                _spoilt_runs(bench, operator, case, dtype, found)
        barren = barren + 1 if found.calls == before else 0
        seed += 1
    return found


def _cases(sessions: dict[str, Session], name: str) -> Iterator[Case]:
    for drawn in next(iter(sessions.values())).drawn(name, CHUNK):
        yield drawn.case


def _correct_runs(
    sessions: dict[str, Session], name: str, case: Case, dtype: str, found: Figures
) -> None:
    judged_any = False
    for label, session in sessions.items():
        try:
            judged = _judged(session, name, case, dtype)
        except Violation as violation:
            found.alarms.append(
                f"{label}, case {case.index}, seed {case.seed}: " + violation.message.split("\n")[0]
            )
            residual = violation.residual
        else:
            if judged is None or judged.undecided:
                found.skipped += 1
                continue
            residual = judged.residual
        judged_any = True
        found.calls += 1
        if residual is not None:
            found.worst_ratio = max(found.worst_ratio, residual.ratio)
            found.worst_rms = max(found.worst_rms, residual.rms)
    found.cases += judged_any


def _judged(session: Session, name: str, case: Case, dtype: str) -> Judged | None:
    """The judgement on one call; None where the reference itself has no answer."""
    calls = session.fresh_calls(name, case, dtype)
    try:
        return calls.call(name, calls.material.inputs, calls.material.options)
    except (NotClaimed, Refused, ValueError, RuntimeError, IndexError):
        return None


def _spoilt_runs(bench: Bench, operator: Operator, case: Case, dtype: str, found: Figures) -> None:
    for mistake in operator.spec.mistakes:
        wrong = stored(operator, mistake_function(operator, mistake, bench.oracle), torch.float64)
        tried = found.mistakes.setdefault(mistake.id, Tried())
        _try(bench, operator.name, wrong, case, dtype, tried)
    correct = _correct(bench, operator, case, dtype)
    if correct is None:
        return
    for label, mutate in RESULT_MUTANTS.items():
        results = _spoilt(correct, mutate)
        if results is not None:

            def fixed(*args: Any, made: Any = results, **options: Any) -> Any:
                return made

            _try(bench, operator.name, fixed, case, dtype, found.mutants.setdefault(label, Tried()))
    coarse = _coarse(operator, correct, dtype)
    if coarse is not None:
        _try(bench, operator.name, coarse, case, dtype, found.mutants.setdefault(LOWER, Tried()))


def _try(bench: Bench, name: str, function: Function, case: Case, dtype: str, tried: Tried) -> None:
    try:
        judged = _judged(bench.session(name, function), name, case, dtype)
    except Violation as violation:
        if violation.outcome is Outcome.FAIL:
            tried.noticed += 1
            tried.cases += 1
        return
    if judged is not None and not judged.undecided:
        tried.cases += 1


def _correct(bench: Bench, operator: Operator, case: Case, dtype: str) -> Correct | None:
    session = bench.session(operator.name, stored(operator, operator.function, torch.float64))
    calls = session.fresh_calls(operator.name, case, dtype)
    try:
        judged = calls.call(operator.name, calls.material.inputs, calls.material.options)
    except (Violation, NotClaimed, Refused, ValueError, RuntimeError, IndexError):
        return None
    if judged.record is None or judged.reply is None:
        return None
    oracle = session.oracle(operator.name)
    seed = derive_seed(case.seed, operator.name, dtype)
    truth = oracle.truth(calls.material.inputs, calls.material.options, dtype, seed)
    scale = oracle.model(dtype).scale
    samples, bounds = iter(truth.draw()), []
    kinds = tuple(
        x.dtype if isinstance(x, Tensor) and x.is_floating_point() else None
        for x in judged.reply.results
    )
    for want, kind in zip(truth.exact.outputs, kinds, strict=True):
        if kind is not None and isinstance(want, Tensor) and want.is_floating_point():
            bounds.append(bound_of(want, spread(next(samples), want, scale), kind))
    return Correct(calls, truth.exact.outputs, bounds, kinds, seed)


def _spoilt(correct: Correct, mutate: Callable[..., Tensor | None]) -> Any:
    """The results with the first floating one spoilt; None where that changes nothing."""
    results = [
        x.to(kind) if kind is not None else x
        for x, kind in zip(correct.exact, correct.dtypes, strict=True)
    ]
    for i, kind in enumerate(correct.dtypes):
        if kind is None:
            continue
        made = mutate(correct.exact[i], correct.bounds[0], kind, correct.seed)
        if made is None or torch.equal(
            torch.nan_to_num(made.to(kind)), torch.nan_to_num(results[i])
        ):
            return None
        results[i] = made.to(kind)
        return tuple(results) if len(results) > 1 else results[0]
    return None


def _coarse(operator: Operator, correct: Correct, dtype: str) -> Function | None:
    storage = DTYPES[dtype]
    if not any(
        isinstance(x, Tensor) and x.is_floating_point() for x in correct.calls.material.inputs
    ):
        return None
    right = stored(operator, operator.function, torch.float64)

    def call(*args: Any, **options: Any) -> Any:
        return right(
            *(fewer_bits(x, storage) for x in args),
            **{name: fewer_bits(x, storage) for name, x in options.items()},
        )

    return call
