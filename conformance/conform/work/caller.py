"""One call of the target's code, there and, if asked for, back; whatever it raises is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from conform.work.effects import GlobalState, count_changed
from conform.work.frames import describe_exception
from conform.work.gpu import end_if_lost, poison_free_memory
from conform.work.gradients import pulled_back
from conform.work.memory import ArgumentMemory
from conform.work.passing import argument_values, cotangents_of
from conform.work.progress import Progress
from conform.work.protocol import ArgKey, CallRequest, ReplyOutcome
from conform.work.results import MalformedResult, plain_values, unpack

Function = Callable[..., Any]


@dataclass(frozen=True)
class BoundOperator:
    """An operator's function, and what its options are called there."""

    function: Function
    renames: Mapping[str, str] = field(default_factory=dict)


class Caller:
    """Calls operators on a device and keeps watch over the process's state."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._state = GlobalState(device)

    def guarded(self, progress: Progress, action: Callable[[], None]) -> None:
        """Run target code; whatever it raises becomes part of the progress."""
        self._state.before_call()
        try:
            action()
        except MalformedResult as error:
            progress.outcome, progress.note = ReplyOutcome.MALFORMED, str(error)
        except BaseException as error:  # noqa: BLE001 - sys.exit and KeyboardInterrupt are answers, too
            end_if_lost(self.device)
            refused = _is_refusal(error)
            progress.outcome = ReplyOutcome.REFUSED if refused else ReplyOutcome.RAISED
            progress.exception = describe_exception(error, progress.stage)
        finally:
            progress.state_changed += self._state.changed()

    def call(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: Progress,
        values: dict[ArgKey, Any] | None = None,
    ) -> None:
        """The call, metered and timed, and the way back for what wants a gradient."""
        values = values or leaves_of(request, memory)
        began = time.perf_counter()
        try:
            poison_free_memory(self.device)
            with progress.metering():
                value = invoke(operator, request, values)
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
        if progress.twice:
            pulled_back([y for y, _ in pairs], leaves, [c for _, c in pairs], keep=True)
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

    def call_quietly(
        self,
        operator: BoundOperator,
        request: CallRequest,
        memory: ArgumentMemory,
        progress: Progress,
    ) -> None:
        """The way there alone."""
        value = invoke(operator, request, argument_values(request, memory))
        self._synchronize()
        progress.returned = unpack(value)

    def _synchronize(self) -> None:
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()


def _is_refusal(error: BaseException) -> bool:
    """NotImplementedError, or that of Triton's interpreter, which wraps it: what it lacks."""
    seen: BaseException | None = error
    while type(seen).__name__ == "InterpreterError" and seen is not None:
        seen = seen.__cause__
    return isinstance(seen, NotImplementedError)


def leaves_of(request: CallRequest, memory: ArgumentMemory) -> dict[ArgKey, Any]:
    """The arguments, those that want a gradient as leaves of a graph."""
    values = argument_values(request, memory)
    given = {key: values[key] for key in request.wrt}
    for key, value in given.items():
        values[key] = value.detach().requires_grad_()
        if memory.joined:
            values[key] = next(values[other] for other in given if given[other] is value)
    return values


def invoke(operator: BoundOperator, request: CallRequest, values: dict[ArgKey, Any]) -> Any:
    """The operator's function on these arguments, with gradients only where they are wanted."""
    positional = [values[index] for index in range(len(request.args))]
    named = {operator.renames.get(name, name): values[name] for name in request.options}
    with torch.no_grad() if request.no_grad else nullcontext():
        return operator.function(*positional, **named)
