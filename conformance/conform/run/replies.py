"""What comes of one call of a target: exceptions, records, and what is read off a reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from conform.judge.criterion import NOTHING, Residual
from conform.records import Outcome
from conform.work.protocol import CallReply, ReplyOutcome

Tensor = torch.Tensor


class Violation(Exception):
    """A call of the target that went wrong or disagrees with the oracle."""

    def __init__(
        self,
        outcome: Outcome,
        message: str,
        residual: Residual | None = None,
        record: CallRecord | None = None,
        *,
        shape: bool = False,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.residual = residual
        self.record = record
        self.shape = shape  # results of other shapes, or of none


class Refused(Exception):
    """The target raised NotImplementedError for a legal case."""


class NotClaimed(Exception):
    """The law needs an option, or a gradient, that the target does not claim."""


class NothingFlows(NotClaimed):
    """No gradient that was asked for flows."""


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
    close: bool = False
    reply: CallReply | None = None
    record: CallRecord | None = None
    values: Any = None
    dtypes: tuple[str, ...] = ()
    wrt: tuple[int | str, ...] = ()
    undeclared: dict[str, int] = field(default_factory=dict)  # changed elements by input
    overflowed: bool = False  # a result left the dtype's range, excused
    part: str = ""  # which of several results, or the gradient of which input, is the worst


def short(dtype: torch.dtype) -> str:
    """`float32` for torch.float32."""
    return str(dtype).removeprefix("torch.")


def head_major(shape: tuple[str, ...] | None) -> bool:
    """Whether a spec's shape is [B, H, L, D], which a target may take as [B, L, H, D]."""
    return (
        shape is not None
        and len(shape) == 4
        and shape[1] in ("H", "K")
        and (shape[3].startswith("D"))
    )


def allowed_strides(strides: tuple[int, ...], shape: tuple[int, ...], wanted: str) -> bool:
    """Whether a target that takes only such strides can be given these."""
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


def values_of(results: Sequence[Any], is_tuple: bool) -> Any:
    """Results as a law sees them: float64 images, one or a tuple."""
    images = tuple(
        r.to(torch.float64) if isinstance(r, Tensor) and r.is_floating_point() else r
        for r in results
    )
    return images if is_tuple or len(images) != 1 else images[0]


NUMBERS_APART = {"input": 1e-12, "float32": 2.0**-20}  # relative; several roundoffs


def number_residual(got: Any, want: Any, compute: str = "input") -> Residual:
    """For plain numbers: equal, floats as far as what they are computed in (`compute`) excuses."""
    value = float(got)
    wanted = float(want)
    near = value == wanted or (
        isinstance(want, float) and abs(value - wanted) <= NUMBERS_APART[compute] * abs(wanted)
    )
    ratio = 0.0 if near or (value != value and wanted != wanted) else float("inf")
    return Residual(ratio, 0.0, (), wanted, value, 0.0, 1, 1)


def names_residual(got: Any, want: frozenset[str]) -> Residual:
    """For sets of names: the same set."""
    ratio = 0.0 if isinstance(got, frozenset) and got == want else float("inf")
    count = float(len(got)) if isinstance(got, frozenset) else float("nan")
    return Residual(ratio, 0.0, (), float(len(want)), count, 0.0, 1, 1)


# What torch and kernels say of a layout that they do not take.
ABOUT_STRIDES = ("size and stride", "contiguous", "strides", "with stride 1")


def raise_for(operator: str, reply: CallReply, tracked: bool = False) -> None:
    """Turn any outcome but a returned result into its exception. `tracked`: for gradients."""
    if reply.outcome is ReplyOutcome.RETURNED:
        return
    info = reply.exception
    words = f"{info.type}: {info.message}" if info else reply.result_note
    if reply.outcome is ReplyOutcome.REFUSED:
        raise Refused(words)
    if reply.outcome is ReplyOutcome.RAISED:
        tail = f"\n{info.traceback}" if info and info.traceback else ""
        if any(word in words for word in ABOUT_STRIDES):
            tail = (
                "\n  (a target that takes contiguous tensors only declares strides = contiguous; "
                "last_contiguous, where the last dim alone has to be)"
                f"{tail}"
            )
        when = ""
        if tracked:
            when = (
                ", called with gradients tracked (a target that is not meant to be differentiated "
                "declares differentiable = False),"
            )
        raise Violation(Outcome.ERROR, f"{operator}{when} raised {words}{tail}")
    if reply.outcome is ReplyOutcome.CRASHED:
        raise Violation(Outcome.CRASH, f"{operator} crashed: {reply.result_note or words}")
    if reply.outcome is ReplyOutcome.TIMED_OUT:
        raise Violation(Outcome.TIMEOUT, f"{operator} did not answer: {reply.result_note or words}")
    raise Violation(Outcome.FAIL, f"{operator} {reply.result_note or words}", shape=True)


def disagreement(operator: str, judged: Judged, tracked: bool) -> str:
    """A judged call that is not within its bound, in words. `tracked`: called for gradients."""
    r = judged.residual
    what = f"{judged.part} of {operator}" if judged.part else operator
    if tracked and judged.record is not None and judged.record.wrt:
        what = f"the gradient of {operator} to {judged.part}"
    elif tracked:
        what = f"{what}, called with gradients tracked,"
    if r.ratio <= 1 < r.rms:
        return (
            f"{what} is within its bound at every element, but the root mean square error is "
            f"{r.rms:.5g} times what roundoff excuses"
        )
    where = list(r.index) if r.index else "the value"
    return (
        f"{what} disagrees with the reference at {where}: expected {r.expected:.9g}, actual "
        f"{r.actual:.9g}, error {abs(r.actual - r.expected):.3g} = {r.ratio:.3g} x bound "
        f"{r.bound:.3g}"
    )
