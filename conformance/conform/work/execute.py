"""Executes one request on a loaded target, inside the worker process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch

from conform.measure import reversed_programs
from conform.measure.seam import has_kernels
from conform.work.effects import GlobalState, count_changed
from conform.work.frames import describe_exception
from conform.work.gpu import end_if_lost, poison_free_memory
from conform.work.gradients import pulled_back
from conform.work.memory import ArgumentMemory, KeptResults
from conform.work.passing import argument_values, cotangents_of, other_options
from conform.work.progress import LATE, Progress, meter_of, reply_of
from conform.work.protocol import (
    ArgKey,
    CallReply,
    CallRequest,
    Effects,
    ReplyOutcome,
)
from conform.work.repeats import alike, differences, same_gradients
from conform.work.results import MalformedResult, plain_values, unpack

Function = Callable[..., Any]


@dataclass(frozen=True)
class BoundOperator:
    """An operator's function, and what its options are called there."""

    function: Function
    renames: Mapping[str, str] = field(default_factory=dict)


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
        progress = Progress()
        # What does not fit makes kernels go astray, which the meter holds back.
        if (request.measure or (request.unfit and has_kernels())) and not self._unmeasured:
            progress.meter = meter_of(memory)
        self._guarded(progress, lambda: self._call(operator, request, memory, progress))
        mutated, margins = memory.changed()
        versions = memory.version_changed()
        previous_changed = not self._previous.intact()
        if request.repeat and progress.returned is not None:
            self._repeat(operator, request, memory, progress)
        if request.apart and progress.pulled_back and progress.returned is not None:
            progress.apart = self._apart(operator, request, progress)
        measured = progress.measurement
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
        reply = reply_of(progress, effects, previous_changed)
        unmeasured = self._unmeasured or ("" if measured else LATE)
        return replace(reply, measured=measured, unmeasured=unmeasured if request.measure else "")

    def _guarded(self, progress: Progress, action: Callable[[], None]) -> None:
        """Run target code; whatever it raises becomes part of the progress."""
        self._state.before_call()
        try:
            action()
        except MalformedResult as error:
            progress.outcome, progress.note = ReplyOutcome.MALFORMED, str(error)
        except BaseException as error:  # noqa: BLE001 - sys.exit and KeyboardInterrupt are answers, too
            end_if_lost(self._device)
            refused = _is_refusal(error)
            progress.outcome = ReplyOutcome.REFUSED if refused else ReplyOutcome.RAISED
            progress.exception = describe_exception(error, progress.stage)
        finally:
            progress.state_changed += self._state.changed()

    def _call(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: Progress,
    ) -> None:
        values = _leaves(request, memory)
        began = time.perf_counter()
        try:
            poison_free_memory(self._device)
            with progress.metering():
                value = _invoke(operator, request, values)
            self._synchronize()
        finally:
            progress.seconds = time.perf_counter() - began
        returned = unpack(value)
        if memory.asks_for_gradients():
            progress.state_changed.append("requires_grad of an input")
        progress.aliases = memory.shared_with(returned.tensors())
        progress.returned = returned
        if progress.meanwhile is not None:
            progress.meanwhile()
        if request.wrt:
            began = time.perf_counter()
            self._pull_back(request, [values[key] for key in request.wrt], progress)
            progress.seconds += time.perf_counter() - began

    def _pull_back(
        self, request: CallRequest, leaves: list[torch.Tensor], progress: Progress
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
            found = pulled_back([y for y, _ in pairs], leaves, [c for _, c in pairs])
        progress.filled = any(leaf.grad is not None for leaf in leaves)
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
        progress: Progress,
    ) -> None:
        """The same call on the same memory, then one with other values: what does it overwrite?

        Those values in the first call's memory have to give what they gave in memory of their own.
        Results are to last with gradients switched on as well as off.
        """
        first = progress.returned
        if first is None:
            return
        # The target may give out its own buffer again, so what it said first has to be copied.
        before = [r.clone() if isinstance(r, torch.Tensor) else r for r in first.results]
        progress.returned = replace(first, results=tuple(before))
        memory.restore()
        again = Progress()
        self._guarded(again, lambda: self._call_quietly(operator, request, memory, again))
        progress.state_changed += again.state_changed
        if again.returned is None:
            progress.outcome, progress.note = again.outcome, f"the repeated call: {again.note}"
            progress.exception = again.exception
            return
        progress.repeat_changed = differences(before, list(again.returned.results))
        if not (memory.has_floats or request.reversible):
            return
        kept = KeptResults(again.returned.tensors())
        other = ArgumentMemory(request.named_args(), self._device)
        _renew(other, request)
        last = Progress()
        self._guarded(last, lambda: self._call_quietly(operator, request, other, last))
        progress.kept = kept.intact()
        if last.returned is None:
            return
        # The rest in the other mode: buffers and copies are often kept where no gradient is wanted.
        turned = replace(request, no_grad=not request.no_grad)
        other.restore()
        _renew(other, request)
        alone = Progress()
        self._guarded(alone, lambda: self._call_quietly(operator, turned, other, alone))
        if alone.returned is None:
            return
        kept = KeptResults(alone.returned.tensors())
        wanted = [r.clone() if isinstance(r, torch.Tensor) else r for r in alone.returned.results]
        # Who keeps the latest call alone has to have seen this memory last.
        memory.restore()
        latest = Progress()
        self._guarded(latest, lambda: self._call_quietly(operator, turned, memory, latest))
        progress.kept = progress.kept and kept.intact()
        memory.restore()
        _renew(memory, request)
        renewed = Progress()
        self._guarded(renewed, lambda: self._call_quietly(operator, turned, memory, renewed))
        found = list(renewed.returned.results) if renewed.returned else []
        progress.renewed = alike(wanted, found)

    def _reordered(self, operator: BoundOperator, request: CallRequest, progress: Progress) -> bool:
        """Whether the same call with the programs in reverse gives other bits."""
        again = Progress()
        memory = ArgumentMemory(request.named_args(), self._device)
        with reversed_programs():
            self._guarded(again, lambda: self._call(operator, request, memory, again))
        if progress.returned is None or again.returned is None:
            return True
        before = [*progress.returned.results, *progress.found]
        after = [*again.returned.results, *again.found]
        return any(differences(before, after))

    def _apart(self, operator: BoundOperator, request: CallRequest, progress: Progress) -> str:
        """What is wrong when gradients are asked for one by one, after a call without any, or with
        other calls between the way there and the way back.

        All on one memory, so that what an earlier call kept there is found again.
        """
        if progress.filled:
            return "the call adds to .grad by itself, where backward() would add once more"
        memory = ArgumentMemory(request.named_args(), self._device)
        quiet = Progress()
        without = replace(request, no_grad=True)
        self._guarded(quiet, lambda: self._call_quietly(operator, without, memory, quiet))
        alone = tuple((key,) for key in request.wrt) if len(request.wrt) > 1 else ()
        for wrt in (request.wrt, *alone):
            part = self._pulled(operator, replace(request, wrt=wrt), memory, Progress())
            words = "the gradient of " + ", ".join(map(str, wrt))
            if part.exception is not None:
                return f"{words}, asked for alone, raises {part.exception.type}"
            if not same_gradients(progress.gradients, [part.gradients]):
                return f"{words} is another when nothing else has one"
        overtaken = self._overtaken(operator, request, memory, progress)
        if overtaken:
            return overtaken
        tensors = progress.returned.tensors() if progress.returned else []
        floats = [x for x in tensors if x.is_floating_point()]
        if len(floats) > 1:
            each = [Progress(only=i) for i in range(len(floats))]
            parts = [self._pulled(operator, request, memory, p).gradients for p in each]
            if not same_gradients(progress.gradients, parts):
                return "the gradients of the results, one by one, do not add up"
        return self._bent(operator, request, progress)

    def _overtaken(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: Progress,
    ) -> str:
        """What another layer between the way there and the way back does to the gradients.

        Only what has a gradient gets other values: a module whose weights are replaced between the
        two is used wrongly. An error is not held against it either: autograd itself raises it where
        weights were written meanwhile, and nobody is misled.
        """
        other = ArgumentMemory(request.named_args(), self._device)
        other.change_floats([key for key, g in progress.gradients.items() if g is not None])
        values = _leaves(request, other)
        handed_out = KeptResults(list(progress.pulled_back))
        intact: list[bool] = []

        def meanwhile(others: dict[ArgKey, Any]) -> None:
            _another_layer(operator, request, values, others)
            intact.append(handed_out.intact())

        for others in other_options(request):
            between = Progress(meanwhile=partial(meanwhile, others))
            part = self._pulled(operator, request, memory, between)
            if not all(intact):
                return "gradients that were handed out are changed by the way back of another call"
            if part.exception is not None:
                continue
            if not same_gradients(progress.gradients, [part.gradients]):
                return "the gradients are others when another call comes between there and back"
        return ""

    def _bent(self, operator: BoundOperator, request: CallRequest, progress: Progress) -> str:
        """What is wrong with the gradients when the inputs are copied to contiguous memory.

        Where the results differ as well something else was chosen; another law compares them.
        """
        memory = ArgumentMemory(request.named_args(), self._device)
        if progress.returned is None or not memory.straighten():
            return ""
        straight = self._pulled(operator, request, memory, Progress())
        if straight.returned is None:
            return ""
        if straight.exception is not None:
            return f"the way back raises {straight.exception.type} when the inputs are contiguous"
        if not alike(list(progress.returned.results), list(straight.returned.results)):
            return ""
        if same_gradients(progress.gradients, [straight.gradients]):
            return ""
        return "the gradients are others when the inputs are contiguous"

    def _pulled(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: Progress,
    ) -> Progress:
        if memory.changed()[0]:  # restoring counts as a change of the argument
            memory.restore()
        self._guarded(progress, lambda: self._call(operator, request, memory, progress))
        return progress

    def _call_quietly(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: Progress,
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


def _is_refusal(error: BaseException) -> bool:
    """NotImplementedError, or that of Triton's interpreter, which wraps it: what it lacks."""
    seen: BaseException | None = error
    while type(seen).__name__ == "InterpreterError" and seen is not None:
        seen = seen.__cause__
    return isinstance(seen, NotImplementedError)


def _leaves(request: CallRequest, memory: ArgumentMemory) -> dict[ArgKey, Any]:
    """The arguments, those that want a gradient as leaves of a graph."""
    values = argument_values(request, memory)
    for key in request.wrt:
        values[key] = values[key].detach().requires_grad_()
    return values


def _renew(memory: ArgumentMemory, request: CallRequest) -> None:
    """Other values, as legal as those of the request."""
    memory.change_floats()
    memory.reverse_integers(request.reversible)


def _another_layer(
    operator: BoundOperator,
    request: CallRequest,
    values: dict[ArgKey, Any],
    others: dict[ArgKey, Any],
) -> None:
    """A layer of the same sizes goes there and back, and one with options of its own goes there."""
    returned = unpack(_invoke(operator, request, values)).tensors()
    floats = [y for y in returned if y.is_floating_point() and y.requires_grad]
    with suppress(Exception):  # what this layer lacks is for its own calls to tell
        cotangents = [torch.ones_like(y) for y in floats]
        torch.autograd.grad(floats, [values[k] for k in request.wrt], cotangents, allow_unused=True)
    if others:
        with suppress(Exception):  # they may not fit each other
            _invoke(operator, request, {**values, **others})


def _invoke(operator: BoundOperator, request: CallRequest, values: dict[ArgKey, Any]) -> Any:
    positional = [values[index] for index in range(len(request.args))]
    named = {operator.renames.get(name, name): values[name] for name in request.options}
    with torch.no_grad() if request.no_grad else nullcontext():
        return operator.function(*positional, **named)
