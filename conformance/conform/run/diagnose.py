"""Which well-known mistake, or undeclared convention or rounding, gives the wrong output?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from conform.draw.case import derive_seed
from conform.judge.criterion import bound_of, judge, ratios, spread
from conform.judge.sampling import as_tuple
from conform.records import Diagnosis
from conform.run.calls import CallRecord, TargetCalls
from conform.run.mistakes import mistake_function
from conform.run.oracle import Bound, Gradient, Oracle
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.session import Session
from conform.run.shrink import Shrunk
from conform.spec.book import Property
from conform_reference.conventions import adapt
from conform_spec.conventions import APPLIES, CONVENTIONS

Tensor = torch.Tensor
COMPARED = 8  # calls that an explanation is held against
LOOSE = 2.0  # a mistake shares the target's own roundings only roughly
CREDIBLE = 0.75


def diagnose(session: Session, law: Property, dtype: str, shrunk: Shrunk) -> tuple[Diagnosis, ...]:
    """Explanations that reproduce the target's wrong outputs, the best first."""
    records = [r for r in _evidence(session, law, dtype, shrunk) if not _given_nan(r)]
    wrong = [record for record in records if not record.within]
    if not wrong:
        return ()
    records = (wrong + [r for r in records if r.within])[:COMPARED]
    found = []
    for name, kind, note, function in _explanations(session, law.operator):
        agreement = _agreement(function, records)
        if agreement is not None:
            found.append(Diagnosis(name, round(agreement, 3), note, kind))
    # A convention can be declared; where a mistake looks the same, it is the friendlier reading.
    found.sort(key=lambda d: (-d.agreement, d.kind != "convention"))
    wrong = wrong[:COMPARED]
    narrow = _narrower_precision(session, law.operator, dtype, wrong)
    return (*narrow, *found, *_looser_models(session, law.operator, dtype, wrong))[:3]


def _given_nan(record: CallRecord) -> bool:
    """Whether NaN came in: then NaN comes out of every explanation."""
    given = (*record.args, *record.options.values(), *record.cotangents)
    return any(
        isinstance(x, Tensor) and x.is_floating_point() and bool(torch.isnan(x).any())
        for x in given
    )


def _narrower_precision(
    session: Session, name: str, dtype: str, wrong: list[CallRecord]
) -> Iterator[Diagnosis]:
    """Whether computing in float32 is all that is wrong with float64 inputs."""
    declared = session.oracle(name)
    if dtype != "float64" or declared.compute == "float32":
        return
    oracle = Oracle(declared.operator, declared.conventions, declared.model_name, "float32")
    if all(_excused(oracle, record, dtype) for record in wrong):
        note = (
            "the target computes float64 inputs in float32: declare compute_dtype = float32 under "
            "conventions, or leave float64 out of its dtypes"
        )
        yield Diagnosis("compute_dtype = float32", 1.0, note, "convention")


def _looser_models(
    session: Session, name: str, dtype: str, wrong: list[CallRecord]
) -> Iterator[Diagnosis]:
    """The rounding models that a target can declare and that excuse all of the wrong calls."""
    declared = session.oracle(name)
    for model in declared.operator.spec.accuracy.rounding:
        if model == declared.model_name:
            continue
        oracle = Oracle(declared.operator, declared.conventions, model, declared.compute)
        if all(_excused(oracle, record, dtype) for record in wrong):
            note = f'such roundings are excused once declared, as "rounding": "{model}"'
            yield Diagnosis(model, 1.0, note, "rounding")


def _excused(oracle: Oracle, record: CallRecord, dtype: str) -> bool:
    """Whether every result of the call lies within the bounds of the oracle's rounding model."""
    seed = derive_seed(0, oracle.name, dtype)
    call = (record.args, record.options, dtype, seed)
    if record.wrt:
        truth = oracle.gradient_truth(*call, record.wrt, record.cotangents)
    else:
        truth = oracle.truth(*call)
    scale, samples = oracle.model(dtype, backward=bool(record.wrt)).scale, iter(truth.draw())
    for got, want in zip(record.actual, truth.exact.outputs, strict=True):
        if not isinstance(want, Tensor):
            if got != want:
                return False
        elif not want.is_floating_point():
            if not torch.equal(got, want):
                return False
        elif not judge(_image(got, record.dtype, oracle), want, next(samples), scale, 0.0).within:
            return False
    return True


def _image(got: Tensor, dtype: torch.dtype, oracle: Oracle) -> Tensor:
    """The result in the dtype that it is judged in."""
    narrow = oracle.compute == "float32" and dtype == torch.float64
    return got.to(torch.float32 if narrow else dtype)


def _agreement(function: Callable[..., Any], records: list[CallRecord]) -> float | None:
    """The share of the calls that the explanation reproduces; None when that is not credible.

    It has to reproduce the wrong calls, not only the right ones, and be wrong itself there.
    """
    count, wrong = len(records), sum(not record.within for record in records)
    missed = unexplained = 0
    for record in records:
        outputs = _outputs(function, record)
        same = _reproduces(outputs, record)
        missed += not same
        unexplained += not record.within and not (same and _departs(outputs, record))
        if count - missed < CREDIBLE * count or wrong - unexplained < CREDIBLE * wrong:
            return None
    return (count - missed) / count


def _evidence(session: Session, law: Property, dtype: str, shrunk: Shrunk) -> list[CallRecord]:
    """Judged calls of the operator: the counterexample's and the agreement law's first cases."""
    records = [shrunk.trial.record] if shrunk.trial.record else []
    gradient = law.kind == "gradient"
    suffix = "gradient-agrees" if gradient else "agrees-with-reference"
    general = session.book.property(f"{law.operator}.{suffix}")
    for drawn in session.drawn(law.operator, 2 * COMPARED):
        wrong = sum(not record.within for record in records)
        if len(records) >= (COMPARED if wrong >= COMPARED // 2 else 2 * COMPARED):
            break
        trial: Trial = try_law(session, general, drawn.case, dtype)
        if trial.kind in (Kind.FAILED, Kind.HELD):
            calls: TargetCalls = session.calls(law.operator, drawn.case, dtype)
            records.extend(r for r in calls.records if bool(r.wrt) == gradient and r not in records)
    return records


def _explanations(
    session: Session, name: str
) -> Iterator[tuple[str, str, str, Callable[..., Any]]]:
    operator = session.book.operator(name)
    oracle = session.oracle(name)

    def right(other: str) -> Callable[..., Any]:
        return session.oracle(other).function

    for mistake in operator.spec.mistakes:
        yield (
            f"{name}.{mistake.id}",
            "mistake",
            mistake.note,
            mistake_function(operator, mistake, right),
        )
    for convention, values in CONVENTIONS.items():
        if name not in APPLIES.get(convention, ()):
            continue
        current = oracle.conventions.get(convention, values[0])
        for value in values:
            if value != current and value not in ("any", "input", "float32"):
                try:
                    adapted = adapt(
                        name, operator.function, {**oracle.conventions, convention: value}
                    )
                except ValueError:
                    continue
                yield (
                    f"{convention} = {value}",
                    "convention",
                    f"the target follows {convention} = {value}: declare it under conventions",
                    adapted,
                )


def _outputs(function: Callable[..., Any], record: CallRecord) -> tuple[Any, ...] | None:
    try:
        bound = Bound(function, record.args, record.options)
        if not record.wrt:
            return as_tuple(bound(*bound.tensors))
        tensors = [*bound.tensors, *record.cotangents]
        return Gradient(bound, record.wrt, record.cotangents)(*tensors)
    except Exception:  # noqa: BLE001 - a mistake may fail in any way on inputs it was not made for
        return None


def _reproduces(outputs: tuple[Any, ...] | None, record: CallRecord) -> bool:
    """Whether the outputs are the target's, roughly."""
    return outputs is not None and not _apart(outputs, record.actual, record, LOOSE)


def _departs(outputs: tuple[Any, ...] | None, record: CallRecord) -> bool:
    """Whether the outputs are wrong themselves: what is right here explains nothing."""
    return outputs is not None and _apart(outputs, record.expected, record, 1.0)


def _apart(
    outputs: tuple[Any, ...], others: tuple[Any, ...], record: CallRecord, loose: float
) -> bool:
    if len(outputs) != len(others):
        return True
    position = 0
    for made, got, want in zip(outputs, others, record.expected, strict=True):
        if not isinstance(want, Tensor) or not isinstance(made, Tensor):
            if made != got:
                return True
            continue
        if made.shape != got.shape:
            return True
        if not want.is_floating_point():
            if not torch.equal(made.to(torch.int64), got.to(torch.int64)):
                return True
            continue
        made, got = made.detach().to(torch.float64), got.detach().to(torch.float64)
        noise: Tensor | float = torch.zeros_like(want)
        if record.samples is not None:
            noise = spread(record.samples[position], want, record.scale)
        position += 1
        dtype = record.dtype
        noise = torch.nan_to_num(torch.as_tensor(noise), posinf=0.0)
        if noise.numel():
            # Where the mistake departs from the oracle (a token that only one of them drops), its
            # own roundings were not sampled; they are about those of its neighbours.
            noise = torch.where(made == want, noise, noise.amax())
        bound = bound_of(made, noise, dtype)
        relative = torch.nan_to_num(made.abs()) * 2.0 ** (-20 if dtype == torch.float32 else -9)
        bound = loose * bound + torch.where(torch.isfinite(relative), relative, 0.0) * 0.01
        if float(ratios(got, made, bound, dtype).max() if got.numel() else 0.0) > 1:
            return True
    return False
