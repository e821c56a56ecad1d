"""A first try of a target: does it load, what does it offer, does each operator answer at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from conform.target.claims import OperatorClaim, TargetDescription
from conform.work.protocol import CallReply, CallRequest, ReplyOutcome, Result

PlainRequest = Callable[[OperatorClaim, TargetDescription], CallRequest | None]
"""Gives a tiny plain call for an operator, or None where the claim leaves no legal case."""


class Callee(Protocol):
    """What smoke needs of a WorkerClient."""

    def describe(self) -> TargetDescription:
        """Load the target and say what it claims."""

    def call(self, request: CallRequest, timeout: float | None = None) -> CallReply:
        """The reply to one request."""


@dataclass(frozen=True)
class SmokeLine:
    """One operator's first answer; `note` says in words what came back."""

    operator: str
    function: str
    options: tuple[str, ...]
    answered: bool
    note: str


def smoke(target: Callee, plain_request: PlainRequest) -> tuple[TargetDescription, list[SmokeLine]]:
    """Load the target and call each operator once. Raises ConformError when it does not load."""
    description = target.describe()
    lines = []
    for claim in description.operators.values():
        request = plain_request(claim, description)
        if request is None:
            answered, note = False, "its limits leave no small case to try"
        else:
            reply = target.call(request)
            answered, note = reply.outcome is ReplyOutcome.RETURNED, reply_in_words(reply)
        options = tuple(sorted(claim.options))
        lines.append(SmokeLine(claim.operator, claim.function, options, answered, note))
    return description, lines


def reply_in_words(reply: CallReply) -> str:
    """One line: "returned float32[2, 4]", "raised ValueError: ...", "crashed: ..."."""
    if reply.outcome is ReplyOutcome.RETURNED:
        shown = [_shown(result) for result in reply.results]
        return f"returned {', '.join(shown)}"
    words = reply.outcome.value.replace("-", " ")
    if reply.exception is None:
        return f"{words}: {reply.result_note}"
    if reply.outcome in (ReplyOutcome.CRASHED, ReplyOutcome.TIMED_OUT):
        return f"{words}: {reply.exception.message}"
    return f"{words} {reply.exception.type}: {reply.exception.message}"


def _shown(result: Result) -> str:
    if isinstance(result, torch.Tensor):
        return f"{str(result.dtype).removeprefix('torch.')}{list(result.shape)}"
    return str(result)
