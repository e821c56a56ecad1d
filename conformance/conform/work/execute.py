"""Executes one request on a loaded target, inside the worker process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conform.measure.seam import has_kernels
from conform.work.again import reordered, repeat
from conform.work.apart import gradients_again, gradients_apart, gradients_straight
from conform.work.caller import BoundOperator, Caller
from conform.work.gpu import end_if_lost
from conform.work.memory import ArgumentMemory, KeptResults
from conform.work.progress import LATE, Progress, meter_of, reply_of
from conform.work.protocol import CallReply, CallRequest, Effects, ReplyOutcome


class Executor:
    """Answers requests; keeps the last result, to see whether the next call changes it."""

    def __init__(
        self, operators: Mapping[str, BoundOperator], device: str, unmeasured: str = ""
    ) -> None:
        self._operators = operators
        self._caller = Caller(device)
        self._unmeasured = unmeasured  # why nothing can be metered here
        self._previous = KeptResults([])

    def execute(self, request: CallRequest) -> CallReply:
        """Call the operator once (again with `repeat` and `order`) and report everything seen."""
        operator = self._operators[request.operator]
        # What does not fit makes kernels go astray, which the meter holds back.
        metered = (request.measure or (request.unfit and has_kernels())) and not self._unmeasured
        memory, progress = self._called(operator, request, metered)
        unmeasured = self._unmeasured
        eager = progress.meter is not None and not progress.meter.launched
        if eager and progress.outcome is ReplyOutcome.RAISED:
            # PyTorch cannot make some tensor subclasses (CausalBias) while it is watched.
            told = progress.exception
            memory, progress = self._called(operator, request, metered=False)
            if progress.outcome is not ReplyOutcome.RAISED and told is not None:
                unmeasured = f"while it is watched the call raises {told.type}: {told.message}"
        mutated, margins = memory.changed()
        versions = memory.version_changed()
        previous_changed = not self._previous.intact()
        if request.repeat and progress.returned is not None:
            repeat(self._caller, operator, request, memory, progress)
        if request.apart and progress.pulled_back and progress.returned is not None:
            self._apart(operator, request, progress)
        measured = progress.measurement
        if request.order and measured is not None and progress.returned is not None:
            dependent = reordered(self._caller, operator, request, progress)
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
            again=progress.again,
            straight=progress.straight,
        )
        reply = reply_of(progress, effects, previous_changed)
        unmeasured = unmeasured or ("" if measured else LATE)
        return replace(reply, measured=measured, unmeasured=unmeasured if request.measure else "")

    def _called(
        self, operator: BoundOperator, request: CallRequest, metered: bool
    ) -> tuple[ArgumentMemory, Progress]:
        """One call on arguments of its own."""
        memory = ArgumentMemory(request.named_args(), self._caller.device)
        progress = Progress(meter=meter_of(memory) if metered else None)
        self._caller.guarded(
            progress, lambda: self._caller.call(operator, request, memory, progress)
        )
        return memory, progress

    def _apart(self, operator: BoundOperator, request: CallRequest, progress: Progress) -> None:
        """Pull back in other ways as well."""
        if request.apart == "straight":
            progress.straight = gradients_straight(self._caller, operator, request, progress)
        else:
            progress.apart = gradients_apart(self._caller, operator, request, progress)
            progress.again = gradients_again(self._caller, operator, request, progress)

    def end_if_lost(self) -> None:
        """Abort the process if its GPU can no longer be used."""
        end_if_lost(self._caller.device)
