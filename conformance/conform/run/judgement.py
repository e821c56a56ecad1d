"""Judging the reply to one call against the oracle: values, gradients, discrete decisions."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from conform.draw.case import derive_seed
from conform.draw.fill import DTYPES
from conform.judge.criterion import (
    NOTHING,
    Residual,
    exact_residual,
    judge,
)
from conform.judge.decisions import Decision
from conform.judge.sampling import as_tuple, wider
from conform.records import Outcome
from conform.run.batch_sums import added_up, by_sequence, few, shared
from conform.run.decided import Settled, is_open, settle
from conform.run.excuses import excuse_of, flushed_change, undeclared_change
from conform.run.forms import malformed, shapes_of
from conform.run.material import Material
from conform.run.oracle import Oracle, Truth
from conform.run.replies import (
    CallRecord,
    Judged,
    NothingFlows,
    Violation,
    names_residual,
    number_residual,
    short,
    values_of,
)
from conform.target.claims import OperatorClaim
from conform.work.protocol import CallReply

Tensor = torch.Tensor
COARSE = 2.0**-22


@dataclass(frozen=True)
class Call:
    """One call as the oracle sees it: `options` include those that the target fixes."""

    material: Material
    oracle: Oracle
    claim: OperatorClaim
    args: tuple[Any, ...]
    options: dict[str, Any]
    wrt: tuple[int | str, ...] = ()
    cotangents: tuple[Tensor, ...] = ()
    coarse: bool = False
    lost: frozenset[int | str] = frozenset()  # gradients that flow at other sizes
    decisions: tuple[Decision, ...] = ()  # of the forward pass, which gradients follow

    @property
    def dtype(self) -> str:
        """The case's dtype."""
        return self.material.dtype

    @property
    def seed(self) -> int:
        """The seed of the call's samples."""
        return derive_seed(self.material.case.seed, self.oracle.name, self.dtype)

    def label(self, slot: int | str) -> str:
        """The name of an input or option."""
        return list(self.oracle.operator.spec.inputs)[slot] if isinstance(slot, int) else slot

    def truth(self) -> Truth:
        """What the call should give. ValueError (the oracle's) when the call is not legal."""
        return self.oracle.truth(self.args, self.options, self.dtype, self.seed)


def undeclared(call: Call, reply: CallReply) -> dict[str, int]:
    """Inputs that the call changed without declaring it, with the number of elements."""
    counts = {call.label(slot): count for slot, count in reply.effects.mutated.items()}
    return {name: n for name, n in counts.items() if n and name not in call.claim.mutates}


def judge_values(call: Call, reply: CallReply, truth: Truth) -> Judged:
    """The results; Violation when they are malformed."""
    oracle, results = call.oracle, list(reply.results)
    problem = malformed(call.material, oracle.operator.spec, truth.exact.outputs, reply)
    if problem:
        shape = shapes_of(results) != shapes_of(truth.exact.outputs)
        raise Violation(Outcome.FAIL, f"{oracle.name} {problem}", shape=shape)
    settled = settle(
        oracle.operator.spec.results,
        truth,
        results,
        oracle.model(call.dtype).scale,
        lambda forced: oracle.truth(call.args, call.options, call.dtype, call.seed, forced),
    )
    judged = _settled(call, settled, results)
    judged.close = settled.close
    judged.reply = reply
    judged.values = values_of(results, len(truth.exact.outputs) > 1)
    judged.dtypes = tuple(
        short(r.dtype) if isinstance(r, Tensor) else type(r).__name__ for r in results
    )
    return judged


def judge_gradient(call: Call, reply: CallReply, truth: Truth | None) -> Judged:
    """The gradients, or wrong results beside them: a record without `wrt`.

    Without `truth` the gradients are passed on unjudged.
    """
    if reply.differentiable is False and not call.lost:
        raise NothingFlows("the result carries no gradient")
    found = _flowing(call, reply)
    flowing, gradients = tuple(found), tuple(found.values())
    if truth is None:
        return Judged(reply=reply, values=gradients, wrt=flowing)
    if truth is not None:
        # Where gradients are tracked, other code often runs: its results count as well.
        forward = judge_values(replace(call, wrt=(), cotangents=()), reply, truth)
        if forward.record is not None and not forward.record.within:
            return forward
        if (
            forward.undecided
            or is_open(truth, call.oracle.model(call.dtype).scale)
            or overflowed(reply, truth)
        ):
            return Judged(
                NOTHING, undecided=True, close=True, reply=reply, values=gradients, wrt=flowing
            )
    undefined = truth is not None and _has_nan(truth)
    decisions = truth.exact.decisions if truth is not None else ()
    truth = call.oracle.gradient_truth(
        call.args, call.options, call.dtype, call.seed, flowing, call.cotangents, decisions
    )
    for slot, gradient, want in zip(flowing, gradients, truth.exact.outputs, strict=True):
        if tuple(gradient.shape) != tuple(want.shape):
            raise Violation(
                Outcome.FAIL,
                f"the gradient of {call.label(slot)} has shape "
                f"{tuple(gradient.shape)}, expected {tuple(want.shape)}",
            )
    compared = gradients
    if undefined:
        # A result that is NaN has no gradient: NaN is as right as what the reference's code gives.
        compared = tuple(
            torch.where(torch.isnan(g), want.to(g.dtype), g)
            for g, want in zip(gradients, truth.exact.outputs, strict=True)
        )
    judged = _compare(replace(call, wrt=flowing, decisions=decisions), compared, truth)
    judged.reply, judged.values, judged.wrt = reply, gradients, flowing
    return judged


def _has_nan(truth: Truth) -> bool:
    return any(
        isinstance(x, Tensor) and x.is_floating_point() and bool(torch.isnan(x).any())
        for x in truth.exact.outputs
    )


def overflowed(reply: CallReply, truth: Truth) -> bool:
    """Whether results left the dtype's range, excused: what follows from them says nothing."""
    return any(
        isinstance(got, Tensor)
        and isinstance(want, Tensor)
        and got.is_floating_point()
        and got.shape == want.shape
        and bool((torch.isfinite(want) & ~torch.isfinite(got)).any())
        for got, want in zip(reply.results, truth.exact.outputs, strict=False)
    )


def _flowing(call: Call, reply: CallReply) -> dict[int | str, Tensor]:
    """The gradients that flow; Violation where one is declared and does not."""
    found = {}
    declared = call.claim.differentiable
    for slot in call.wrt:
        gradient, label = reply.gradients.get(slot), call.label(slot)
        wanted = declared is True or (
            isinstance(declared, (tuple, list, frozenset)) and label in declared
        )
        if gradient is None and slot in call.lost:
            value = call.args[slot] if isinstance(slot, int) else call.options[slot]
            gradient = torch.zeros_like(value, dtype=DTYPES[call.dtype])
        if gradient is not None:
            found[slot] = gradient
        elif wanted:
            raise Violation(
                Outcome.FAIL, f"no gradient flows to {label}, which is declared differentiable"
            )
    if not found:
        raise NothingFlows("no gradient flows to any input")
    return found


def _settled(call: Call, settled: Settled, results: list[Any]) -> Judged:
    if settled.open:
        return Judged(NOTHING, undecided=True)
    blank(call, results, settled.truth.exact.outputs)
    judged = _compare(call, results, settled.truth)
    if settled.residual is not None and judged.record is not None:
        judged.residual = settled.residual
        judged.record = replace(judged.record, within=False)
    return judged


def blank(call: Call, results: list[Any], expected: Sequence[Any] | None = None) -> None:
    """Put what is expected where results may hold anything: rows without a visible key; constants.

    (Asked of the oracle when it is not given. What no contract allows is left as it is.)
    """
    oracle = call.oracle
    if oracle.conventions.get("alibi_form") == "key_position":
        with contextlib.suppress(ValueError):
            _level(results, expected or as_tuple(oracle(call.args, call.options, call.dtype)))
        return
    rows = oracle.conventions.get("masked_rows")
    # Adding the dtype's most negative number to a score is no constant where scores are enormous
    # themselves, in float16 those of 16 and more.
    huge = call.dtype == "float16" or call.material.case.regime == "near_limits"
    if rows != "any" and not (rows == "mean_of_values" and huge):
        return
    try:
        holes = rows_without_keys(oracle, call.args, call.options, call.dtype)
        expected = expected or as_tuple(oracle(call.args, call.options, call.dtype))
    except ValueError:
        return
    for i, x in enumerate(holes):
        fits = i < len(results) and isinstance(x, Tensor) and isinstance(results[i], Tensor)
        if fits and x.is_floating_point() and results[i].shape == x.shape:
            want = expected[i].to(results[i].dtype)
            results[i] = torch.where(torch.isnan(x), want, results[i])


def rows_without_keys(
    oracle: Oracle, args: tuple[Any, ...], options: Mapping[str, Any], dtype: str
) -> tuple[Any, ...]:
    """The results with NaN where no key is visible. ValueError as the oracle's.

    A sink makes such a row zero, but not for those with whom it may be anything.
    """
    if oracle.conventions.get("masked_rows") == "any":
        options = {name: value for name, value in options.items() if name != "sinks"}
    marked = Oracle(oracle.operator, {**oracle.conventions, "masked_rows": "nan"})
    return as_tuple(marked(args, options, dtype))


def _level(results: list[Any], expected: Sequence[Any]) -> None:
    """Give rows of a bias the constant that is expected: no softmax sees it; libraries differ."""
    for i, (got, want) in enumerate(zip(results, expected, strict=True)):
        if isinstance(got, Tensor) and got.shape == want.shape and got.is_floating_point():
            constant = (got.double() - want)[..., :1]
            moved = got.double() - constant
            few = 4 * torch.finfo(got.dtype).eps * (want.abs() + constant.abs())
            same = (moved - want).abs() <= few
            results[i] = torch.where(same, want.double(), moved).to(got.dtype)


def _compare(call: Call, results: Sequence[Any], truth: Truth) -> Judged:
    """The worst residual over the results. Sampled only where half an ulp does not do."""
    oracle, wrt = call.oracle, call.wrt
    expected = truth.exact.outputs
    model = oracle.model(call.dtype, backward=bool(wrt))
    excuse = excuse_of(call.material, oracle, call.args, call.options) if not wrt else 0.0
    asked = call.material, oracle, call.args, call.options, expected, wrt, call.cotangents
    flushed = flushed_change(*asked)
    free = [spec.random and not wrt for spec in oracle.operator.spec.results]
    worst, part, position = NOTHING, "", 0
    for i, (got, want) in enumerate(zip(results, expected, strict=True)):
        floating = isinstance(want, Tensor) and want.is_floating_point()
        if i < len(free) and free[i]:
            residual = NOTHING
        elif isinstance(want, frozenset | set):
            residual = names_residual(got, frozenset(want))
        elif not isinstance(want, Tensor):
            residual = number_residual(got, want, oracle.compute)
        elif not floating:
            residual = exact_residual(got, want)
        else:
            if not got.is_floating_point():
                got = got.to(torch.float64)  # integers where they are allowed
            if model.compute == "float32" and got.dtype == torch.float64:
                got = got.to(torch.float32)
            extra = excuse + (flushed[i] if flushed else 0.0)
            # In a law a few float32 roundoffs are not worth sampling for; the agreement law,
            # which brings more cases, always does.
            slack = want.abs() * COARSE if call.coarse and got.dtype == torch.float32 else 0.0
            residual = judge(got, want, want.unsqueeze(0), 0.0, extra + slack)
            if not residual.within:
                samples = truth.draw()[position]
                residual = judge(got, want, samples, model.scale, extra)
            for manner, widen in wider(model.scale):
                if residual.within or not want.numel():
                    break
                samples = widen(samples, truth.draw(manner)[position], want)
                residual = judge(got, want, samples, model.scale, extra)
            if not residual.within and wrt and got.element_size() == 2:
                samples = _by_sequence(call, i, samples)
                residual = judge(got, want, samples, model.scale, extra)
            undeclared = None if residual.within else undeclared_change(*asked)
            if undeclared:
                residual = judge(
                    _nearer(got, want, undeclared[i]), want, samples, model.scale, extra
                )
            if residual.rms > 1 >= residual.ratio and _repeats(call):
                residual = replace(residual, rms=1.0)
        position += int(floating)
        if residual.excess > worst.excess or worst.elements == 0:
            worst, part = residual, _part(call, i, len(expected))
    if truth.exact.overflow and position:
        # Beyond float32's range the spec states nothing about the values.
        return Judged(NOTHING, undecided=True)
    return Judged(worst, record=_record(call, results, truth, model.scale, worst), part=part)


def _repeats(call: Call) -> bool:
    """Whether an input, or what flows back, holds the same rows several times.

    They are rounded alike, and errors that are no longer independent do not average out: the root
    mean square says nothing then.
    """
    given = (*call.args, *call.options.values(), *call.cotangents)
    return any(
        x.shape[axis] > 1 and bool((x == x.narrow(axis, 0, 1)).all())
        for x in given
        if isinstance(x, Tensor) and x.is_floating_point() and x.numel()
        for axis in range(x.dim())
        if bool((x != x.flatten()[0]).any())  # constants are rounded once, or never
    )


def _nearer(got: Tensor, want: Tensor, excused: Tensor | float) -> Tensor:
    """`got` without what is excused: every element may be off by it at once."""
    error, most = got.double() - want, torch.as_tensor(excused, dtype=torch.float64)
    nearer = (got.double() - error.clamp(-most, most)).to(got.dtype)
    return torch.where(torch.isfinite(error), nearer, got)


def _by_sequence(call: Call, position: int, samples: Tensor) -> Tensor:
    """Samples of a gradient that may be added up sequence by sequence in half precision."""
    spec, slot = call.oracle.operator.spec, call.wrt[position]
    if not shared(spec, slot) or not few(samples[0], call.cotangents):
        return samples
    parts = by_sequence(
        call.oracle, call.args, call.options, call.dtype, (slot,), call.cotangents, call.decisions
    )
    return added_up(samples, [gradient for (gradient,) in parts], call.dtype)


def _part(call: Call, position: int, count: int) -> str:
    """The input whose gradient stands at `position`, or which of several results does."""
    if call.wrt:
        return call.label(call.wrt[position])
    return f"result {position + 1} of {count}" if count > 1 else ""


def _record(
    call: Call, results: Sequence[Any], truth: Truth, scale: float, worst: Residual
) -> CallRecord:
    images = tuple(
        r.to(torch.float64) if isinstance(r, Tensor) and r.is_floating_point() else r
        for r in results
    )
    return CallRecord(
        *call.oracle.given(call.args, call.options, call.dtype),
        images,
        tuple(truth.exact.outputs),
        truth.drawn,
        scale,
        worst.within,
        DTYPES[call.dtype],
        call.wrt,
        call.cotangents,
    )
