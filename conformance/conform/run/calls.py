"""Calling the target and judging each call against the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from conform.draw.case import derive_seed
from conform.draw.fill import DTYPES
from conform.judge.criterion import NOTHING, Residual, exact_residual, judge
from conform.judge.sampling import as_tuple
from conform.records import Outcome
from conform.run.constraints import outside
from conform.run.decided import Settled, is_open, settle
from conform.run.excuses import excuse_of, flushed_change
from conform.run.forms import malformed
from conform.run.material import Material
from conform.run.oracle import Oracle, Truth
from conform.run.replies import (
    CallRecord,
    Judged,
    NotClaimed,
    Refused,
    Violation,
    disagreement,
    names_residual,
    number_residual,
    raise_for,
    short,
    values_of,
)
from conform.run.requests import Asked, make_request
from conform.target.claims import OperatorClaim
from conform.work.protocol import CallReply, CallRequest

__all__ = ["CallRecord", "Client", "Judged", "NotClaimed", "Refused", "TargetCalls", "Violation"]

Tensor = torch.Tensor
COARSE = 2.0**-22


class Client(Protocol):
    """What answers call requests: a worker process, or a function in this one."""

    def call(self, request: CallRequest, timeout: float | None = None) -> CallReply:
        """The reply; never raises for what the target does."""


@dataclass
class TargetCalls:
    """Calls of one target's operators for one material, judged and remembered.

    The same call (same drawn tensors, same options) is made once and shared by all laws of the
    case.
    """

    material: Material
    client: Client
    claims: Mapping[str, OperatorClaim]
    oracles: Callable[[str], Oracle]
    timeout: float | None = None
    judging: bool = True
    worst: Residual = NOTHING
    records: list[CallRecord] = field(default_factory=list)
    memo: dict[Any, Judged] = field(default_factory=dict)
    undecided: int = 0
    before_call: Callable[[], None] = lambda: None
    coarse: bool = False
    expecting_error: bool = False
    doubtful: bool = False
    exact: dict[Any, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """The case's dtype."""
        return self.material.dtype

    def passed(self, operator: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that are passed; NotClaimed when a needed one is not claimed."""
        claim = self.claim(operator)
        spec = self.oracles(operator).operator.spec
        result = {}
        for name, value in options.items():
            if name not in spec.options:
                raise NotClaimed(f"{operator} has no option {name!r}")
            if name in claim.options:
                result[name] = value
                continue
            base = claim.fixed.get(name, spec.options[name].default)
            if isinstance(value, Tensor) or value != base:
                raise NotClaimed(f"{operator}: the option {name!r} is not claimed")
        return result

    def claim(self, operator: str) -> OperatorClaim:
        """The claim on an operator; NotClaimed when the target lacks it."""
        if operator not in self.claims:
            raise NotClaimed(f"the operator {operator!r} is not claimed")
        return self.claims[operator]

    def full_options(self, operator: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the oracle is asked: passed options, and the fixed ones of the target."""
        fixed = {k: v for k, v in self.claim(operator).fixed.items() if k not in options}
        return {**fixed, **options}

    def call(
        self,
        operator: str,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        *,
        wrt: tuple[int | str, ...] = (),
        cotangents: tuple[Tensor, ...] = (),
        repeat: bool = False,
        coarse: bool = False,
        measure: bool = False,
        order: bool = False,
    ) -> Judged:
        """Make (or recall) a call and judge it; Violation, Refused or NotClaimed otherwise."""
        passed = self.passed(operator, options)
        spec = self.oracles(operator).operator
        reason = outside(spec, self.claim(operator), args, {**options, **passed})
        if reason:
            raise NotClaimed(f"{operator} is claimed only where {reason}")
        names = list(spec.spec.inputs)
        for slot in wrt:
            label = names[slot] if isinstance(slot, int) else slot
            if not self.claim(operator).differentiates(label):
                raise NotClaimed(f"{operator} is declared not differentiable in {label}")
        asked = (
            operator,
            wrt,
            repeat,
            tuple(map(self._fingerprint, args)),
            tuple((k, self._fingerprint(v)) for k, v in sorted(passed.items())),
            tuple(map(self._fingerprint, cotangents)),
        )
        key = (*asked, measure, order)
        if measure and (*asked, True, True) in self.memo:
            key = (*asked, True, True)  # metered already, and more
        if key not in self.memo:
            truth = None
            if self.judging and not self.expecting_error:
                # First, so that an illegal case is the oracle's complaint and never the target's.
                truth = self._truth(operator, args, passed, wrt)
            request = make_request(
                self.material,
                spec.spec,
                self.claim(operator),
                Asked(args, passed, wrt, cotangents, repeat, measure, order),
            )
            self.before_call()
            reply = self.client.call(request, self.timeout)
            self.coarse = coarse
            self.memo[key] = self._judge(operator, args, passed, reply, truth, wrt, cotangents)
        judged = self.memo[key]
        self.doubtful = self.doubtful or judged.close or judged.undecided
        if judged.record is not None and not judged.record.within:
            raise Violation(
                Outcome.FAIL,
                disagreement(operator, judged, bool(wrt)),
                judged.residual,
                judged.record,
            )
        return judged

    def exact_key(self, operator: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """What identifies a call by its values."""
        return (
            operator,
            tuple(map(self._fingerprint, args)),
            tuple((k, self._fingerprint(v)) for k, v in sorted(options.items())),
        )

    def _fingerprint(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return repr(value)
        if id(value) in self.material.placed:
            return id(value)  # drawn tensors live as long as the material
        flat = value.detach().contiguous()
        return (tuple(value.shape), str(value.dtype), hash(flat.numpy().tobytes()))

    def _truth(
        self,
        operator: str,
        args: tuple[Any, ...],
        passed: dict[str, Any],
        wrt: tuple[int | str, ...],
    ) -> Truth:
        """What the call should give. ValueError (the oracle's) when the call is not legal."""
        oracle, options = self.oracles(operator), self.full_options(operator, passed)
        seed = derive_seed(self.material.case.seed, operator, self.dtype)
        truth = oracle.truth(args, options, self.dtype, seed)
        self.exact[self.exact_key(operator, args, passed)] = truth.exact.outputs
        rows = oracle.conventions.get("masked_rows")
        if wrt and rows in ("nan", "any", "mean_of_values"):
            strict = Oracle(oracle.operator, {**oracle.conventions, "masked_rows": "nan"})
            outputs = as_tuple(strict(args, options, self.dtype))
            if any(bool(torch.isnan(x).any()) for x in outputs if x.is_floating_point()):
                raise NotClaimed(f"rows without a key have no gradient: masked_rows = {rows}")
        return truth

    def _judge(
        self,
        operator: str,
        args: tuple[Any, ...],
        passed: dict[str, Any],
        reply: CallReply,
        truth: Truth | None,
        wrt: tuple[int | str, ...],
        cotangents: tuple[Tensor, ...],
    ) -> Judged:
        raise_for(operator, reply)
        oracle = self.oracles(operator)
        changed = self._undeclared(oracle, reply)
        if changed and self.judging:
            name, count = next(iter(changed.items()))
            raise Violation(
                Outcome.FAIL, f"{operator} changed {count} elements of its input {name!r}"
            )
        options = self.full_options(operator, passed)
        if wrt:
            return self._judge_gradient(oracle, args, options, reply, truth, wrt, cotangents)
        results = list(reply.results)
        if truth is None:
            return Judged(
                reply=reply, values=values_of(results, reply.is_tuple), undeclared=changed
            )
        problem = malformed(self.material, oracle.operator.spec, truth.exact.outputs, reply)
        if problem:
            raise Violation(Outcome.FAIL, f"{operator} {problem}")
        seed = derive_seed(self.material.case.seed, operator, self.dtype)
        settled = settle(
            oracle.operator.spec.results,
            truth,
            results,
            oracle.model(self.dtype).scale,
            lambda forced: oracle.truth(args, options, self.dtype, seed, forced),
        )
        judged = self._settled(oracle, settled, results, args, options)
        judged.close = settled.close
        judged.reply = reply
        judged.values = values_of(results, len(truth.exact.outputs) > 1)
        judged.dtypes = tuple(
            short(r.dtype) if isinstance(r, Tensor) else type(r).__name__ for r in results
        )
        return judged

    def _settled(
        self,
        oracle: Oracle,
        settled: Settled,
        results: list[Any],
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Judged:
        if settled.open:
            self.undecided += 1
            return Judged(NOTHING, undecided=True)
        exact, draw = settled.truth.exact, settled.truth.draw
        self._blank(oracle, args, options, exact.outputs, results)
        judged = self._compare(oracle, results, exact.outputs, draw, exact.overflow, args, options)
        if settled.residual is None or judged.record is None:
            return judged
        judged.residual = self.worst = settled.residual
        judged.record = replace(judged.record, within=False)
        self.records[-1] = judged.record
        return judged

    def _undeclared(self, oracle: Oracle, reply: CallReply) -> dict[str, int]:
        """Inputs that the call changed without declaring it, with the number of elements."""
        names = list(oracle.operator.spec.inputs)
        declared = self.claim(oracle.name).mutates
        counts = {
            names[key] if isinstance(key, int) else key: count
            for key, count in reply.effects.mutated.items()
        }
        return {name: n for name, n in counts.items() if n and name not in declared}

    def _compare(
        self,
        oracle: Oracle,
        results: Sequence[Any],
        expected: Sequence[Any],
        draw: Callable[[], list[Tensor]],
        overflow: bool,
        args: tuple[Any, ...],
        options: dict[str, Any],
        wrt: tuple[int | str, ...] = (),
        cotangents: tuple[Tensor, ...] = (),
    ) -> Judged:
        """Judge float results cheaply (half an ulp) first; sample only when that does not do."""
        floats = [isinstance(w, Tensor) and w.is_floating_point() for w in expected]
        samples: list[Tensor] | None = None
        excuse = excuse_of(self.material, oracle, args, options) if not wrt else 0.0
        flushed = flushed_change(self.material, oracle, args, options, expected, wrt, cotangents)
        worst, position = NOTHING, 0
        model = oracle.model(self.dtype, backward=bool(wrt))
        free = [spec.random and not wrt for spec in oracle.operator.spec.results]
        for i, (got, want) in enumerate(zip(results, expected, strict=True)):
            if i < len(free) and free[i]:
                residual = NOTHING
            elif isinstance(want, frozenset | set):
                residual = names_residual(got, frozenset(want))
            elif not isinstance(want, Tensor):
                residual = number_residual(got, want)
            elif not want.is_floating_point():
                residual = exact_residual(got, want)
            else:
                if not got.is_floating_point():
                    got = got.to(torch.float64)  # integers where they are allowed
                if (
                    got.is_floating_point()
                    and model.compute == "float32"
                    and got.dtype == torch.float64
                ):
                    got = got.to(torch.float32)
                extra = excuse + (flushed[i] if flushed else 0.0)
                # In a law a few float32 roundoffs are not worth sampling for; the agreement law,
                # which brings more cases, always does.
                slack = want.abs() * COARSE if self.coarse and got.dtype == torch.float32 else 0.0
                residual = judge(got, want, want.unsqueeze(0), 0.0, extra + slack)
                if not residual.within:
                    if samples is None:
                        samples = draw()
                    residual = judge(got, want, samples[position], model.scale, extra)
            position += int(floats[i])
            if residual.excess > worst.excess or worst.elements == 0:
                worst = residual
        if overflow and any(floats):
            # Beyond float32's range the spec states nothing about the values.
            self.undecided += 1
            return Judged(NOTHING, undecided=True)
        images = tuple(
            r.to(torch.float64) if isinstance(r, Tensor) and r.is_floating_point() else r
            for r in results
        )
        record = CallRecord(
            *oracle.given(args, options, self.dtype),
            images,
            tuple(expected),
            samples,
            model.scale,
            worst.within,
            DTYPES[self.dtype],
            wrt,
            cotangents,
        )
        self.records.append(record)
        if worst.excess > self.worst.excess:
            self.worst = worst
        return Judged(worst, record=record)

    def _blank(
        self,
        oracle: Oracle,
        args: tuple[Any, ...],
        options: dict[str, Any],
        expected: Sequence[Any],
        results: list[Any],
    ) -> None:
        """Put what is expected into rows without a visible key where they may hold anything."""
        rows = oracle.conventions.get("masked_rows")
        # Adding float16's most negative number to a score of 16 or more is no longer a constant.
        if rows != "any" and not (rows == "mean_of_values" and self.dtype == "float16"):
            return
        marked = Oracle(oracle.operator, {**oracle.conventions, "masked_rows": "nan"})
        for i, x in enumerate(as_tuple(marked(args, options, self.dtype))):
            if isinstance(x, Tensor) and x.is_floating_point():
                want = expected[i].to(results[i].dtype)
                results[i] = torch.where(torch.isnan(x), want, results[i])

    def _judge_gradient(
        self,
        oracle: Oracle,
        args: tuple[Any, ...],
        options: dict[str, Any],
        reply: CallReply,
        truth: Truth | None,
        wrt: tuple[int | str, ...],
        cotangents: tuple[Tensor, ...],
    ) -> Judged:
        if reply.differentiable is False:
            raise NotClaimed("the result carries no gradient")
        pairs = [(slot, reply.gradients.get(slot)) for slot in wrt]
        flowing = tuple(slot for slot, gradient in pairs if gradient is not None)
        declared = self.claim(oracle.name).differentiable
        names = list(oracle.operator.spec.inputs)
        for slot, gradient in pairs:
            label = names[slot] if isinstance(slot, int) else slot
            wanted = declared is True or (
                isinstance(declared, (tuple, list, frozenset)) and label in declared
            )
            if gradient is None and wanted:
                raise Violation(
                    Outcome.FAIL, f"no gradient flows to {label}, which is declared differentiable"
                )
        if not flowing:
            raise NotClaimed("no gradient flows to any input")
        seed = derive_seed(self.material.case.seed, oracle.name, self.dtype)
        values = tuple(g for _, g in pairs if g is not None)
        if truth is None and not cotangents:
            return Judged(reply=reply, values=values, wrt=flowing)  # of the whole call, unjudged
        decisions = truth.exact.decisions if truth is not None else ()
        if truth is not None and is_open(truth, oracle.model(self.dtype).scale):
            self.undecided += 1
            return Judged(
                NOTHING, undecided=True, close=True, reply=reply, values=values, wrt=flowing
            )
        truth = oracle.gradient_truth(
            args, options, self.dtype, seed, flowing, cotangents, decisions
        )
        results = []
        for (slot, gradient), want in zip(
            [p for p in pairs if p[1] is not None], truth.exact.outputs, strict=True
        ):
            if gradient is None:
                continue
            label = names[slot] if isinstance(slot, int) else slot
            if tuple(gradient.shape) != tuple(want.shape):
                raise Violation(
                    Outcome.FAIL,
                    f"the gradient of {label} has shape "
                    f"{tuple(gradient.shape)}, expected {tuple(want.shape)}",
                )
            results.append(gradient)
        judged = self._compare(
            oracle,
            results,
            truth.exact.outputs,
            truth.draw,
            truth.exact.overflow,
            args,
            options,
            flowing,
            cotangents,
        )
        judged.reply, judged.values, judged.wrt = reply, tuple(results), flowing
        return judged
