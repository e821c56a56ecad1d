"""How far a call came, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch

from conform.measure import Measurement
from conform.measure.meter import Meter
from conform.work.memory import ArgumentMemory
from conform.work.protocol import ArgKey, CallReply, Effects, ExceptionInfo, ReplyOutcome
from conform.work.results import Returned


@dataclass(eq=False)
class Progress:
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
    again: str = ""
    straight: str = ""
    filled: bool = False  # .grad of an input, although nobody asked for that
    only: int | None = None  # the one result to pull back from
    twice: bool = False  # the way back is gone a second time, over the same graph
    meanwhile: Callable[[], object] | None = None  # between the way there and the way back

    def metering(self) -> AbstractContextManager[None]:
        """Around the target's own work."""
        return nullcontext() if self.meter is None else self.meter.running()

    @property
    def stage(self) -> str:
        """Where an exception arises now."""
        return "call" if self.returned is None else "backward"

    @property
    def measurement(self) -> Measurement | None:
        """What the meter says, if the call returned and all of it was seen."""
        if self.meter is None or self.returned is None or self.meter.missed_launches:
            return None
        return self.meter.measurement((*self.returned.tensors(), *self.pulled_back))

    @property
    def found(self) -> list[torch.Tensor]:
        """The gradients that there are."""
        return [g for g in self.gradients.values() if g is not None]


LATE = "triton was imported by the call itself, too late to be watched"


def meter_of(memory: ArgumentMemory) -> Meter:
    """A meter that tells the arguments apart."""
    meter = Meter()
    for key, view in memory.views.items():
        meter.name(key, view)
    return meter


def reply_of(progress: Progress, effects: Effects, previous_changed: bool) -> CallReply:
    """All that was seen of a call, to be sent back."""
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
