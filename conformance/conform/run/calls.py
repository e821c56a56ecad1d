"""Calling the target and judging each call against the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from conform.draw.fill import DTYPES
from conform.records import Outcome
from conform.run.constraints import outside
from conform.run.judgement import (
    Call,
    blank,
    judge_gradient,
    judge_values,
    overflowed,
    rows_without_keys,
    undeclared,
)
from conform.run.material import Material
from conform.run.oracle import Oracle, Truth
from conform.run.replies import (
    CallRecord,
    Judged,
    NotClaimed,
    Refused,
    Violation,
    disagreement,
    raise_for,
    values_of,
)
from conform.run.requests import Asked, make_request
from conform.spec.book import Operator
from conform.target.claims import OperatorClaim
from conform.work.effects import DRAWN
from conform.work.protocol import Apart, CallReply, CallRequest, ReplyOutcome

__all__ = [
    "CallRecord",
    "Client",
    "Judged",
    "NotClaimed",
    "Refused",
    "TargetCalls",
    "Violation",
    "overflows",
]

Tensor = torch.Tensor


def overflows(x: Any, dtype: str) -> bool:
    """Whether finite values of a law's own making (float64) become infinite in the dtype."""
    if not isinstance(x, Tensor) or x.dtype != torch.float64 or dtype == "float64":
        return False
    if torch._C._functorch.is_functorch_wrapped_tensor(x) or not x.numel():
        return False
    largest = x.detach().abs().nan_to_num(nan=0.0, posinf=0.0).amax()
    return bool(largest.to(DTYPES[dtype]).isinf())


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
    records: list[CallRecord] = field(default_factory=list)
    memo: dict[Any, Judged] = field(default_factory=dict)
    before_call: Callable[[], None] = lambda: None
    expecting_error: bool = False
    left: tuple[str, ...] = ()  # what an expected error left changed
    doubtful: bool = False
    assumed: bool = False  # a gradient that does not flow was taken for zero
    overflowed: bool = False  # a result left the dtype's range, as it may
    own: bool = False  # of the reference, whose laws are asked of the oracle as well
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

    def oracle_options(self, operator: str, options: dict[str, Any]) -> dict[str, Any]:
        """What a law's own `ref.operator(...)` is asked: with what the target has fixed, too."""
        own = operator == self.material.operator.name
        return self.full_options(operator, options) if own else options

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
        apart: Apart = "",
        lost: frozenset[int | str] = frozenset(),
    ) -> Judged:
        """Make (or recall) a call and judge it; Violation, Refused or NotClaimed otherwise.

        Gradients that are `lost` are taken for zero where they do not flow.
        """
        passed = self.passed(operator, options)
        spec = self.oracles(operator).operator
        reason = outside(spec, self.claim(operator), args, {**options, **passed})
        if reason:
            raise NotClaimed(f"{operator} is claimed only where {reason}")
        if self.overflowed and any(map(self._out_of_range, (*args, *passed.values()))):
            raise NotClaimed("a result left the dtype's range, and is passed on")
        if any(map(self._overflows, (*args, *passed.values()))):
            raise NotClaimed(f"what the law passes leaves the range of {self.dtype}")
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
            self.expecting_error,  # what is answered there nobody judged
            lost,
        )
        key = (*asked, measure, order, apart)
        if measure and (*asked, True, True, "") in self.memo:
            key = (*asked, True, True, "")  # metered already, and more
        if key not in self.memo:
            truth = None
            full = self.full_options(operator, passed)
            oracle, claim = self.oracles(operator), self.claim(operator)
            made = Call(self.material, oracle, claim, args, full, wrt, cotangents, coarse, lost)
            if self.judging and not self.expecting_error:
                # First, so that an illegal case is the oracle's complaint and never the target's.
                truth = self._truth(made, passed)
            unfit = self.expecting_error
            values = Asked(args, passed, wrt, cotangents, repeat, measure, order, apart, unfit)
            request = make_request(self.material, spec.spec, claim, values)
            self.before_call()
            reply = self.client.call(request, self.timeout)
            if reply.outcome is ReplyOutcome.RAISED and _ignores(spec, claim, args):
                raise NotClaimed(f"{operator} takes no ignore_index, and targets are to be ignored")
            raised = reply.outcome is ReplyOutcome.RAISED and not self.expecting_error
            settings = (x for x in reply.effects.state_changed if x not in DRAWN)
            self.left = (*settings, *undeclared(made, reply))
            # Without an option that the target lacks, the inputs may not fit: not its fault.
            if raised and _beyond_range(reply, truth or self._truth(made, passed)):
                raise NotClaimed(f"the result of {operator} is beyond the range of numbers")
            self.memo[key] = self._judge(operator, made, reply, truth)
        judged = self.memo[key]
        self.doubtful = self.doubtful or judged.close or judged.undecided
        self.overflowed = self.overflowed or judged.overflowed
        if judged.record is not None and not judged.record.within:
            raise Violation(
                Outcome.FAIL,
                disagreement(operator, judged, tracked=bool(wrt)),
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

    def _out_of_range(self, value: Any) -> bool:
        """Whether a tensor that was not drawn holds what is not finite."""
        return (
            isinstance(value, Tensor)
            and value.is_floating_point()
            and id(value) not in self.material.placed
            and not bool(torch.isfinite(value).all())
        )

    def _overflows(self, value: Any) -> bool:
        """`overflows`, of a tensor that was not drawn."""
        return id(value) not in self.material.placed and overflows(value, self.dtype)

    def _fingerprint(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return repr(value)
        if id(value) in self.material.placed:
            return id(value)  # drawn tensors live as long as the material
        flat = value.detach().contiguous()
        image = (tuple(value.shape), str(value.dtype), hash(flat.numpy().tobytes()))
        return (*image, "swapped") if self.material.is_swapped(value) else image

    def _truth(self, call: Call, passed: Mapping[str, Any]) -> Truth:
        """What the call should give. ValueError (the oracle's) when the call is not legal."""
        oracle, truth = call.oracle, call.truth()
        self.exact[self.exact_key(oracle.name, call.args, passed)] = truth.exact.outputs
        rows = oracle.conventions.get("masked_rows")
        if call.wrt and rows in ("nan", "any", "mean_of_values"):
            outputs = rows_without_keys(oracle, call.args, call.options, self.dtype)
            if any(bool(torch.isnan(x).any()) for x in outputs if x.is_floating_point()):
                raise NotClaimed(f"rows without a key have no gradient: masked_rows = {rows}")
        return truth

    def _judge(self, operator: str, call: Call, reply: CallReply, truth: Truth | None) -> Judged:
        raise_for(operator, reply, tracked=bool(call.wrt))
        changed = undeclared(call, reply)
        if changed and self.judging:
            name, count = next(iter(changed.items()))
            raise Violation(
                Outcome.FAIL,
                f"{operator} changed {count} elements of its input {name!r}; if that is meant, "
                f"declare it under `mutates`",
            )
        if call.wrt:
            judged = judge_gradient(call, reply, truth)
        elif truth is None:
            results = list(reply.results)
            if not self.expecting_error:
                blank(call, results)
            judged = Judged(reply=reply, values=values_of(results, reply.is_tuple))
        else:
            judged = judge_values(call, reply, truth)
        judged.undeclared = changed
        judged.overflowed = truth is not None and overflowed(reply, truth)
        if judged.record is not None:
            self.records.append(judged.record)
        return judged


def _beyond_range(reply: CallReply, truth: Truth) -> bool:
    """Whether plain numbers raised where tensors give an infinity, as the reference does."""
    words = reply.exception.type if reply.exception else ""
    results = (x for x in truth.exact.outputs if isinstance(x, (float, Tensor)))
    return words in ("OverflowError", "ZeroDivisionError") and not all(
        bool(torch.isfinite(torch.as_tensor(x)).all()) for x in results
    )


def _ignores(operator: Operator, claim: OperatorClaim, args: tuple[Any, ...]) -> bool:
    """Whether targets are to be ignored by a loss without that option, which may well raise."""
    option = operator.spec.options.get("ignore_index")
    if option is None or "ignore_index" in claim.options or "ignore_index" in claim.fixed:
        return False
    ignored = option.default
    return isinstance(ignored, int) and any(
        isinstance(x, Tensor) and not x.is_floating_point() and bool(x.eq(ignored).any())
        for x in args
    )
