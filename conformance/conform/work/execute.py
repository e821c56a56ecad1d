"""Executes one request on a loaded target, inside the worker process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from conform.measure import Measurement, reversed_programs
from conform.measure.meter import Meter
from conform.work.effects import GlobalState, count_changed
from conform.work.frames import describe_exception
from conform.work.gpu import end_if_lost, poison_free_memory
from conform.work.memory import ArgumentMemory, KeptResults
from conform.work.passing import argument_values, cotangents_of
from conform.work.protocol import (
    ArgKey,
    CallReply,
    CallRequest,
    Effects,
    ExceptionInfo,
    ReplyOutcome,
)
from conform.work.repeats import alike, differences, same_gradients
from conform.work.results import MalformedResult, Returned, plain_values, unpack

Function = Callable[..., Any]


Pull = Callable[
    [list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]], Sequence[torch.Tensor | None]
]


def _by_grad(
    outputs: list[torch.Tensor], leaves: list[torch.Tensor], cotangents: list[torch.Tensor]
) -> Sequence[torch.Tensor | None]:
    return torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True)


def _by_backward(
    outputs: list[torch.Tensor], leaves: list[torch.Tensor], cotangents: list[torch.Tensor]
) -> Sequence[torch.Tensor | None]:
    torch.autograd.backward(outputs, cotangents)
    return [leaf.grad for leaf in leaves]


@dataclass(frozen=True)
class BoundOperator:
    """An operator's function, and what its options are called there."""

    function: Function
    renames: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class _Progress:
    """What is known of a call so far; an exception may leave it unfinished at any point."""

    outcome: ReplyOutcome = ReplyOutcome.RETURNED
    returned: Returned | None = None
    note: str = ""
    exception: ExceptionInfo | None = None
    gradients: dict[ArgKey, torch.Tensor | None] = field(default_factory=dict)
    differentiable: bool | None = None
    repeat_changed: tuple[int, ...] | None = None
    kept: bool | None = None
    renewed: bool | None = None
    aliases: tuple[ArgKey, ...] = ()
    state_changed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    meter: Meter | None = None
    pulled_back: tuple[torch.Tensor, ...] = ()
    cotangents_changed: int = 0
    apart: str = ""
    only: int | None = None  # the one result to pull back from

    def metering(self) -> AbstractContextManager[None]:
        """Around the target's own work."""
        return nullcontext() if self.meter is None else self.meter.running()


class Executor:
    """Answers requests; keeps the last result, to see whether the next call changes it."""

    def __init__(
        self, operators: Mapping[str, BoundOperator], device: str, unmeasured: str = ""
    ) -> None:
        self._operators = operators
        self._device = device
        self._unmeasured = unmeasured  # why nothing can be metered here
        self._state = GlobalState(device)
        self._previous = KeptResults([])

    def execute(self, request: CallRequest) -> CallReply:
        """Call the operator once (again with `repeat` and `order`) and report everything seen."""
        operator = self._operators[request.operator]
        memory = ArgumentMemory(request.named_args(), self._device)
        progress = _Progress()
        if request.measure and not self._unmeasured:
            progress.meter = _meter_of(memory)
        self._guarded(progress, lambda: self._call(operator, request, memory, progress))
        mutated, margins = memory.changed()
        versions = memory.version_changed()
        previous_changed = not self._previous.intact()
        if request.repeat and progress.returned is not None:
            self._repeat(operator, request, memory, progress)
        if request.apart and progress.pulled_back and progress.returned is not None:
            progress.apart = self._apart(operator, request, progress)
        measured = _measurement(progress)
        if request.order and measured is not None and progress.returned is not None:
            dependent = self._reordered(operator, request, progress)
            measured = replace(measured, order_dependent=dependent)
        tensors = progress.returned.tensors() if progress.returned else []
        self._previous = KeptResults(tensors)
        effects = Effects(
            mutated=mutated,
            margins_written=margins,
            state_changed=tuple(dict.fromkeys(progress.state_changed)),
            version_changed=versions,
            aliases=progress.aliases,
            kept=progress.kept,
            renewed=progress.renewed,
            cotangents_changed=progress.cotangents_changed,
            apart=progress.apart,
        )
        reply = _reply(progress, effects, previous_changed)
        unmeasured = self._unmeasured or ("" if measured else _LATE)
        return replace(reply, measured=measured, unmeasured=unmeasured if request.measure else "")

    def _guarded(self, progress: _Progress, action: Callable[[], None]) -> None:
        """Run target code; whatever it raises becomes part of the progress."""
        self._state.before_call()
        try:
            action()
        except MalformedResult as error:
            progress.outcome, progress.note = ReplyOutcome.MALFORMED, str(error)
        except NotImplementedError as error:
            progress.outcome = ReplyOutcome.REFUSED
            progress.exception = describe_exception(error, _stage(progress))
        except BaseException as error:  # noqa: BLE001 - sys.exit and KeyboardInterrupt are answers, too
            end_if_lost(self._device)
            progress.outcome = ReplyOutcome.RAISED
            progress.exception = describe_exception(error, _stage(progress))
        finally:
            progress.state_changed += self._state.changed()

    def _call(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: _Progress,
    ) -> None:
        values = argument_values(request, memory)
        for key in request.wrt:
            values[key] = values[key].detach().requires_grad_()
        began = time.perf_counter()
        try:
            poison_free_memory(self._device)
            with progress.metering():
                value = _invoke(operator, request, values)
            self._synchronize()
        finally:
            progress.seconds = time.perf_counter() - began
        returned = unpack(value)
        progress.aliases = memory.shared_with(returned.tensors())
        progress.returned = returned
        if request.wrt:
            began = time.perf_counter()
            self._differentiate(operator, request, values, progress)
            progress.seconds += time.perf_counter() - began

    def _differentiate(
        self,
        operator: BoundOperator,
        request: CallRequest,
        values: dict[ArgKey, Any],
        progress: _Progress,
    ) -> None:
        leaves = [values[key] for key in request.wrt]
        try:
            self._pull_back(request, leaves, progress, _by_grad)
        except RuntimeError as error:
            if "use_reentrant" not in str(error):
                raise
            # Reentrant checkpoints run under backward() alone; the graph is used up, so once more.
            leaves = [leaf.detach().requires_grad_() for leaf in leaves]
            values.update(zip(request.wrt, leaves, strict=True))
            progress.returned = unpack(_invoke(operator, request, values))
            self._pull_back(request, leaves, progress, _by_backward)

    def _pull_back(
        self, request: CallRequest, leaves: list[torch.Tensor], progress: _Progress, pull: Pull
    ) -> None:
        tensors = progress.returned.tensors() if progress.returned else []
        floats = [tensor for tensor in tensors if tensor.is_floating_point()]
        cotangents = cotangents_of(request, floats)
        pairs = [
            (y, c)
            for i, (y, c) in enumerate(zip(floats, cotangents, strict=True))
            if y.requires_grad and progress.only in (None, i)
        ]
        progress.differentiable = bool(pairs)
        progress.gradients = dict.fromkeys(request.wrt)
        if not pairs:
            return
        if progress.meter is not None:
            for _, c in pairs:
                progress.meter.name("cotangent", c)
        before = [plain_values(c).clone() for _, c in pairs]
        with progress.metering():
            found = pull([y for y, _ in pairs], leaves, [c for _, c in pairs])
        progress.cotangents_changed = sum(
            count_changed(plain_values(c), kept) for (_, c), kept in zip(pairs, before, strict=True)
        )
        progress.pulled_back = tuple(g for g in found if g is not None)
        self._synchronize()
        progress.gradients = {
            key: None if gradient is None else gradient.detach().to("cpu", copy=True).contiguous()
            for key, gradient in zip(request.wrt, found, strict=True)
        }

    def _repeat(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: _Progress,
    ) -> None:
        """The same call on the same memory, then one with other values: what does it overwrite?

        Those values in the first call's memory have to give what they gave in memory of their own.
        """
        first = progress.returned
        if first is None:
            return
        # The target may give out its own buffer again, so what it said first has to be copied.
        before = [r.clone() if isinstance(r, torch.Tensor) else r for r in first.results]
        progress.returned = replace(first, results=tuple(before))
        memory.restore()
        again = _Progress()
        self._guarded(again, lambda: self._call_quietly(operator, request, memory, again))
        progress.state_changed += again.state_changed
        if again.returned is None:
            progress.outcome, progress.note = again.outcome, f"the repeated call: {again.note}"
            progress.exception = again.exception
            return
        progress.repeat_changed = differences(before, list(again.returned.results))
        if not memory.has_floats:
            return
        kept = KeptResults(again.returned.tensors())
        other = ArgumentMemory(request.named_args(), self._device)
        other.halve_floats()
        last = _Progress()
        self._guarded(last, lambda: self._call_quietly(operator, request, other, last))
        progress.kept = kept.intact()
        if last.returned is None:
            return
        wanted = [r.clone() if isinstance(r, torch.Tensor) else r for r in last.returned.results]
        memory.restore()
        memory.halve_floats()
        renewed = _Progress()
        self._guarded(renewed, lambda: self._call_quietly(operator, request, memory, renewed))
        found = list(renewed.returned.results) if renewed.returned else []
        progress.renewed = alike(wanted, found)

    def _reordered(
        self, operator: BoundOperator, request: CallRequest, progress: _Progress
    ) -> bool:
        """Whether the same call with the programs in reverse gives other bits."""
        again = _Progress()
        memory = ArgumentMemory(request.named_args(), self._device)
        with reversed_programs():
            self._guarded(again, lambda: self._call(operator, request, memory, again))
        if progress.returned is None or again.returned is None:
            return True
        before = [*progress.returned.results, *_present(progress.gradients)]
        after = [*again.returned.results, *_present(again.gradients)]
        return any(differences(before, after))

    def _apart(self, operator: BoundOperator, request: CallRequest, progress: _Progress) -> str:
        """What is wrong when gradients are asked for one by one, after a call without any.

        All on one memory, so that what an earlier call kept there is found again.
        """
        memory = ArgumentMemory(request.named_args(), self._device)
        quiet = _Progress()
        without = replace(request, no_grad=True)
        self._guarded(quiet, lambda: self._call_quietly(operator, without, memory, quiet))
        alone = tuple((key,) for key in request.wrt) if len(request.wrt) > 1 else ()
        for wrt in (request.wrt, *alone):
            part = self._pulled(operator, replace(request, wrt=wrt), memory, _Progress())
            words = "the gradient of " + ", ".join(map(str, wrt))
            if part.exception is not None:
                return f"{words}, asked for alone, raises {part.exception.type}"
            if not same_gradients(progress.gradients, [part.gradients]):
                return f"{words} is another when nothing else has one"
        tensors = progress.returned.tensors() if progress.returned else []
        floats = [x for x in tensors if x.is_floating_point()]
        if len(floats) > 1:
            each = [_Progress(only=i) for i in range(len(floats))]
            parts = [self._pulled(operator, request, memory, p).gradients for p in each]
            if not same_gradients(progress.gradients, parts):
                return "the gradients of the results, one by one, do not add up"
        return ""

    def _pulled(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: _Progress,
    ) -> _Progress:
        if memory.changed()[0]:  # restoring counts as a change of the argument
            memory.restore()
        self._guarded(progress, lambda: self._call(operator, request, memory, progress))
        return progress

    def _call_quietly(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: _Progress,
    ) -> None:
        value = _invoke(operator, request, argument_values(request, memory))
        self._synchronize()
        progress.returned = unpack(value)

    def end_if_lost(self) -> None:
        """Abort the process if its GPU can no longer be used."""
        end_if_lost(self._device)

    def _synchronize(self) -> None:
        if self._device.startswith("cuda"):
            torch.cuda.synchronize()


_LATE = "triton was imported by the call itself, too late to be watched"


def _meter_of(memory: ArgumentMemory) -> Meter:
    """A meter that tells the arguments apart."""
    meter = Meter()
    for key, view in memory.views.items():
        meter.name(key, view)
    return meter


def _measurement(progress: _Progress) -> Measurement | None:
    """What the meter says of a call that returned."""
    meter, returned = progress.meter, progress.returned
    if meter is None or returned is None or meter.missed_launches:
        return None
    return meter.measurement((*returned.tensors(), *progress.pulled_back))


def _present(
    gradients: Mapping[ArgKey, torch.Tensor | None],
) -> list[torch.Tensor]:
    return [g for g in gradients.values() if g is not None]


def _stage(progress: _Progress) -> str:
    return "call" if progress.returned is None else "backward"


def _invoke(operator: BoundOperator, request: CallRequest, values: dict[ArgKey, Any]) -> Any:
    positional = [values[index] for index in range(len(request.args))]
    named = {operator.renames.get(name, name): values[name] for name in request.options}
    with torch.no_grad() if request.no_grad else nullcontext():
        return operator.function(*positional, **named)


def _reply(progress: _Progress, effects: Effects, previous_changed: bool) -> CallReply:
    returned = progress.returned
    return CallReply(
        outcome=progress.outcome,
        results=returned.results if returned else (),
        result_infos=returned.infos if returned else (),
        is_tuple=returned.is_tuple if returned else False,
        result_note="; ".join(
            part for part in (progress.note, returned.note if returned else "") if part
        ),
        gradients=progress.gradients,
        differentiable=progress.differentiable,
        exception=progress.exception,
        effects=effects,
        previous_changed=previous_changed,
        repeat_changed=progress.repeat_changed,
        seconds=progress.seconds,
    )
