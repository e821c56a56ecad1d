"""Calling the target and judging each call against the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from conform.draw.case import derive_seed
from conform.draw.fill import DTYPES
from conform.judge.criterion import NOTHING, Residual, exact_residual, judge
from conform.judge.sampling import as_tuple
from conform.records import Outcome
from conform.run.constraints import outside
from conform.run.material import Material, Sublayer
from conform.run.oracle import Oracle, Truth, slot_dtype
from conform.target.claims import OperatorClaim
from conform.work.protocol import (
    Arg,
    CallableArg,
    CallReply,
    CallRequest,
    ReplyOutcome,
    ScalarArg,
    TensorArg,
)  # fmt: skip

Tensor = torch.Tensor
COARSE = 2.0**-22


class Client(Protocol):
    """What answers call requests: a worker process, or a function in this one."""

    def call(self, request: CallRequest, timeout: float | None = None) -> CallReply:
        """The reply; never raises for what the target does."""


class Violation(Exception):
    """A call of the target that went wrong or disagrees with the oracle."""

    def __init__(
        self,
        outcome: Outcome,
        message: str,
        residual: Residual | None = None,
        record: CallRecord | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.residual = residual
        self.record = record


class Refused(Exception):
    """The target raised NotImplementedError for a legal case."""


class NotClaimed(Exception):
    """The law needs an option, or a gradient, that the target does not claim."""


@dataclass(frozen=True, eq=False)
class CallRecord:
    """One judged call, kept for the diagnosis: float64 images of what was given and returned."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    actual: tuple[Any, ...]
    expected: tuple[Any, ...]
    samples: list[Tensor] | None
    scale: float
    within: bool
    dtype: torch.dtype = torch.float32
    wrt: tuple[int | str, ...] = ()
    cotangents: tuple[Tensor, ...] = ()


@dataclass
class Judged:
    """The judgement on one call: the worst residual over its results."""

    residual: Residual = NOTHING
    undecided: bool = False
    reply: CallReply | None = None
    record: CallRecord | None = None
    values: Any = None
    dtypes: tuple[str, ...] = ()


def short(dtype: torch.dtype) -> str:
    """`float32` for torch.float32."""
    return str(dtype).removeprefix("torch.")


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
    ) -> Judged:
        """Make (or recall) a call and judge it; Violation, Refused or NotClaimed otherwise."""
        passed = self.passed(operator, options)
        spec = self.oracles(operator).operator
        reason = outside(spec, self.claim(operator), args, {**options, **passed})
        if reason:
            raise NotClaimed(f"{operator} is claimed only where {reason}")
        if wrt and self.claim(operator).differentiable is False:
            raise NotClaimed(f"{operator} is declared not differentiable")
        key = (
            operator,
            wrt,
            repeat,
            tuple(map(self._fingerprint, args)),
            tuple((k, self._fingerprint(v)) for k, v in sorted(passed.items())),
            tuple(map(self._fingerprint, cotangents)),
        )
        if key not in self.memo:
            truth = None
            if self.judging and not self.expecting_error:
                # First, so that an illegal case is the oracle's complaint and never the target's.
                truth = self._truth(operator, args, passed, wrt)
            request = self._request(operator, args, passed, wrt, cotangents, repeat)
            self.before_call()
            reply = self.client.call(request, self.timeout)
            self.coarse = coarse
            self.memo[key] = self._judge(operator, args, passed, reply, truth, wrt, cotangents)
        judged = self.memo[key]
        if judged.record is not None and not judged.record.within:
            raise Violation(
                Outcome.FAIL, _words(operator, judged, bool(wrt)), judged.residual, judged.record
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
        if wrt and rows in ("nan", "any"):
            strict = Oracle(oracle.operator, {**oracle.conventions, "masked_rows": "nan"})
            outputs = as_tuple(strict(args, options, self.dtype))
            if any(bool(torch.isnan(x).any()) for x in outputs if x.is_floating_point()):
                raise NotClaimed(f"rows without a key have no gradient: masked_rows = {rows}")
        return truth

    def _request(
        self,
        operator: str,
        args: tuple[Any, ...],
        passed: dict[str, Any],
        wrt: tuple[int | str, ...],
        cotangents: tuple[Tensor, ...],
        repeat: bool,
    ) -> CallRequest:
        strides = self.claim(operator).strides
        spec = self.oracles(operator).operator.spec
        heads = tuple(
            i
            for i, item in enumerate(spec.inputs.values())
            if i < len(args) and head_major(item.shape)
        )
        results = tuple(i for i, r in enumerate(spec.results) if head_major(r.shape))
        given = tuple(c.to(DTYPES[self.dtype]) for c in cotangents)
        dtypes = [slot_dtype(spec, i, self.dtype) for i in range(len(args))]
        return CallRequest(
            operator,
            tuple(self._arg(x, strides, dtypes[i]) for i, x in enumerate(args)),
            {k: self._arg(v, strides, self.dtype) for k, v in passed.items()},
            wrt,
            given or None,
            repeat,
            heads,
            results,
        )

    def _arg(self, value: Any, strides: str, dtype: str) -> Arg:
        if isinstance(value, Sublayer):
            return CallableArg(value.name, value.width, value.seed)
        if callable(value) and not isinstance(value, Tensor):
            return CallableArg(str(getattr(value, "__name__", value)), 1, 0)
        if not isinstance(value, Tensor):
            return ScalarArg(value)
        placed = self.material.placed.get(id(value))
        if (
            placed is not None
            and value.is_floating_point()
            and placed.storage.dtype != DTYPES[dtype]
        ):
            placed = None  # drawn for another argument
        if placed is not None and _allowed(placed.strides, placed.shape, strides):
            storage = placed.storage.clone()
            return TensorArg(storage, placed.shape, placed.strides, placed.offset, storage.dtype)
        return TensorArg.of(value.to(DTYPES[dtype]) if value.is_floating_point() else value)

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
        _raise_for(operator, reply)
        oracle = self.oracles(operator)
        options = self.full_options(operator, passed)
        if wrt:
            return self._judge_gradient(oracle, args, options, reply, wrt, cotangents)
        results = list(reply.results)
        if truth is None:
            return Judged(reply=reply, values=_values(results, reply.is_tuple))
        problem = self.malformed(oracle, truth.exact.outputs, reply, results)
        if problem:
            raise Violation(Outcome.FAIL, f"{operator} {problem}")
        judged = self._compare(
            oracle, results, truth.exact.outputs, truth.draw, truth.exact.overflow, args, options
        )
        judged.reply = reply
        judged.values = _values(results, len(truth.exact.outputs) > 1)
        judged.dtypes = tuple(
            short(r.dtype) if isinstance(r, Tensor) else type(r).__name__ for r in results
        )
        return judged

    def malformed(
        self, oracle: Oracle, expected: Sequence[Any], reply: CallReply, results: Sequence[Any]
    ) -> str:
        """What is wrong with the form of the results, or an empty string."""
        if len(results) != len(expected) or (len(expected) > 1 and not reply.is_tuple):
            found = reply.result_note or f"{len(results)} results"
            return f"returned {found}, expected {len(expected)}"
        for i, (got, want, spec) in enumerate(
            zip(results, expected, oracle.operator.spec.results, strict=True)
        ):
            name = "the result" if len(expected) == 1 else f"result {i}"
            if not isinstance(want, Tensor):
                if isinstance(got, Tensor) and got.numel() != 1:
                    return f"returned {name} with shape {tuple(got.shape)}, expected a number"
                continue
            if not isinstance(got, Tensor):
                return f"returned {name} of type {type(got).__name__}, expected a tensor"
            if i < len(reply.result_infos) and not reply.result_infos[i].plain:
                return (
                    f"returned {name} as {reply.result_infos[i].type}, "
                    "expected a plain torch.Tensor"
                )
            if tuple(got.shape) != tuple(want.shape):
                return (
                    f"returned {name} with shape {tuple(got.shape)}, expected {tuple(want.shape)}"
                )
            allowed = self._allowed_dtypes(oracle, spec.dtype, want)
            if short(got.dtype) not in allowed:
                return f"returned {name} with dtype {short(got.dtype)}, expected " + " or ".join(
                    sorted(allowed)
                )
        return ""

    def _allowed_dtypes(
        self, oracle: Oracle, words: str | tuple[str, ...], want: Tensor
    ) -> set[str]:
        names = {words} if isinstance(words, str) else set(words)
        if "same" in names:
            names.discard("same")
            if not want.is_floating_point():
                names |= {"bool"} if want.dtype == torch.bool else {"int64", "int32"}
            elif any(
                isinstance(v, Tensor) and v.is_floating_point()
                for v in self.material.names.values()
            ):
                names.add(self.dtype)
            else:
                names |= {"float32", "float64"}
        if names & {"float"}:
            names = (names - {"float"}) | {"float32", "float64", self.dtype}
        if names & {"int", "int64"}:
            names = (names - {"int"}) | {"int64", "int32"}
        return names

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
        ignored = self._ignored(oracle, args, options, expected) if not wrt else None
        samples: list[Tensor] | None = None
        excuse = self._excuse(oracle, args, options) if not wrt else 0.0
        flushed = self._flushed(oracle, args, options, expected, wrt, cotangents)
        worst, position = NOTHING, 0
        model = oracle.model(self.dtype, backward=bool(wrt))
        for i, (got, want) in enumerate(zip(results, expected, strict=True)):
            if not isinstance(want, Tensor):
                residual = _number_residual(got, want)
            elif not want.is_floating_point():
                residual = exact_residual(got, want)
            else:
                blank = ignored[i] if ignored is not None else None
                if blank is not None:
                    got = torch.where(blank, want.to(got.dtype), got)
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

    def _excuse(
        self, oracle: Oracle, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Tensor | float:
        text = oracle.operator.spec.accuracy.excuse
        if text is None:
            return 0.0
        from conform.law.evaluate import Evaluator
        from conform.law.grammar import parse

        names = dict(zip(oracle.operator.spec.inputs, args, strict=False))
        defaults = {k: v.default for k, v in oracle.operator.spec.options.items()}
        storage = DTYPES[self.dtype]
        unit = torch.finfo(storage).eps / 2
        evaluator = Evaluator(
            {**self.material.case.dims, **defaults, **options, **names, "u": unit},
            {},
            _NoCalls(),
            frozenset(),
            oracle.name,
        )
        value: Tensor | float = evaluator.value(parse(text))
        return value

    def _ignored(
        self,
        oracle: Oracle,
        args: tuple[Any, ...],
        options: dict[str, Any],
        expected: Sequence[Any],
    ) -> list[Tensor | None] | None:
        """Rows without a visible key, for a target that declares them `any`."""
        if oracle.conventions.get("masked_rows") != "any":
            return None
        marked = Oracle(oracle.operator, {**oracle.conventions, "masked_rows": "nan"})
        return [
            torch.isnan(x) if isinstance(x, Tensor) and x.is_floating_point() else None
            for x in as_tuple(marked(args, options, self.dtype))
        ]

    def _flushed(
        self,
        oracle: Oracle,
        args: tuple[Any, ...],
        options: dict[str, Any],
        expected: Sequence[Any],
        wrt: tuple[int | str, ...],
        cotangents: tuple[Tensor, ...],
    ) -> list[Any] | None:
        """What flushing subnormal inputs to zero would change; that much is excused."""
        tiny = torch.finfo(DTYPES[self.dtype]).tiny
        tensors = [
            x for x in (*args, *options.values()) if isinstance(x, Tensor) and x.is_floating_point()
        ]
        if not any(bool(((x != 0) & (x.abs() < tiny)).any()) for x in tensors):
            return None

        def flush(x: Any) -> Any:
            if isinstance(x, Tensor) and x.is_floating_point():
                return torch.where(x.abs() < tiny, 0.0, x)
            return x

        given, passed = oracle.given(args, options, self.dtype)
        args2 = tuple(map(flush, given))
        options2 = {k: flush(v) for k, v in passed.items()}
        if wrt:
            other = oracle.gradient_truth(args2, options2, self.dtype, 0, wrt, cotangents)
            outputs = other.exact.outputs
        else:
            outputs = as_tuple(oracle(args2, options2, self.dtype))
        return [
            torch.nan_to_num((a - b).abs(), nan=0.0)
            if isinstance(a, Tensor) and a.is_floating_point()
            else 0.0
            for a, b in zip(outputs, expected, strict=True)
        ]

    def _judge_gradient(
        self,
        oracle: Oracle,
        args: tuple[Any, ...],
        options: dict[str, Any],
        reply: CallReply,
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
        truth = oracle.gradient_truth(args, options, self.dtype, seed, flowing, cotangents)
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
        judged.reply, judged.values = reply, tuple(results)
        return judged


class _NoCalls:
    """A caller for expressions that may not call operators."""

    def __getattr__(self, name: str) -> Any:
        raise NotClaimed("operators cannot be called here")


def head_major(shape: tuple[str, ...] | None) -> bool:
    """Whether a spec's shape is [B, H, L, D], which a target may take as [B, L, H, D]."""
    return (
        shape is not None
        and len(shape) == 4
        and shape[1] in ("H", "K")
        and (shape[3].startswith("D"))
    )


def _allowed(strides: tuple[int, ...], shape: tuple[int, ...], wanted: str) -> bool:
    if wanted == "any":
        return True
    if wanted == "last_contiguous":
        return not strides or strides[-1] == 1
    step = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n > 1 and s != step:
            return False
        step *= max(n, 1)
    return True


def _values(results: Sequence[Any], is_tuple: bool) -> Any:
    images = tuple(
        r.to(torch.float64) if isinstance(r, Tensor) and r.is_floating_point() else r
        for r in results
    )
    return images if is_tuple or len(images) != 1 else images[0]


def _number_residual(got: Any, want: Any) -> Residual:
    value = float(got)
    wanted = float(want)
    near = value == wanted or (
        isinstance(want, float) and abs(value - wanted) <= 1e-12 * abs(wanted)
    )
    ratio = 0.0 if near or (value != value and wanted != wanted) else float("inf")
    return Residual(ratio, 0.0, (), wanted, value, 0.0, 1, 1)


def _raise_for(operator: str, reply: CallReply) -> None:
    if reply.outcome is ReplyOutcome.RETURNED:
        return
    info = reply.exception
    words = f"{info.type}: {info.message}" if info else reply.result_note
    if reply.outcome is ReplyOutcome.REFUSED:
        raise Refused(words)
    if reply.outcome is ReplyOutcome.RAISED:
        tail = f"\n{info.traceback}" if info and info.traceback else ""
        raise Violation(Outcome.ERROR, f"{operator} raised {words}{tail}")
    if reply.outcome is ReplyOutcome.CRASHED:
        raise Violation(Outcome.CRASH, f"{operator} crashed: {reply.result_note or words}")
    if reply.outcome is ReplyOutcome.TIMED_OUT:
        raise Violation(Outcome.TIMEOUT, f"{operator} did not answer: {reply.result_note or words}")
    raise Violation(Outcome.FAIL, f"{operator} {reply.result_note or words}")


def _words(operator: str, judged: Judged, gradient: bool) -> str:
    r = judged.residual
    what = f"the gradient of {operator}" if gradient else operator
    if r.ratio <= 1 < r.rms:
        return (
            f"{what} is within its bound at every element, but the root mean square error is "
            f"{r.rms:.3g} times what roundoff excuses"
        )
    where = list(r.index) if r.index else "the value"
    return (
        f"{what} disagrees with the reference at {where}: expected {r.expected:.9g}, actual "
        f"{r.actual:.9g}, error {abs(r.actual - r.expected):.3g} = {r.ratio:.3g} x bound "
        f"{r.bound:.3g}"
    )
