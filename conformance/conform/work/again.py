"""The same call once more, and calls with other values in the same memory: what stays?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from conform.measure import reversed_programs
from conform.work.caller import BoundOperator, Caller, invoke
from conform.work.memory import ArgumentMemory, KeptResults
from conform.work.passing import argument_values, other_options
from conform.work.progress import Progress
from conform.work.protocol import ArgKey, CallRequest
from conform.work.repeats import alike, differences
from conform.work.results import unpack


def repeat(
    caller: Caller,
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
    caller.guarded(again, lambda: caller.call_quietly(operator, request, memory, again))
    progress.state_changed += again.state_changed
    if again.returned is None:
        progress.outcome, progress.note = again.outcome, f"the repeated call: {again.note}"
        progress.exception = again.exception
        return
    progress.repeat_changed = differences(before, list(again.returned.results))
    if not (memory.has_floats or request.reversible):
        return
    kept = KeptResults(again.returned.tensors())
    other = ArgumentMemory(request.named_args(), caller.device)
    _renew(other, request)
    last = Progress()
    caller.guarded(last, lambda: caller.call_quietly(operator, request, other, last))
    if last.returned is None:
        progress.kept = kept.intact()
        return
    # The rest in the other mode: buffers and copies are often kept where no gradient is wanted.
    turned = replace(request, no_grad=not request.no_grad)
    other.restore()
    _renew(other, request)
    alone = Progress()
    caller.guarded(alone, lambda: caller.call_quietly(operator, turned, other, alone))
    progress.kept = kept.intact()  # of two buffers in turn the second is full as well
    if alone.returned is None:
        return
    kept = KeptResults(alone.returned.tensors())
    wanted = [r.clone() if isinstance(r, torch.Tensor) else r for r in alone.returned.results]
    # Who keeps the latest call alone has to have seen this memory last.
    memory.restore()
    latest = Progress()
    for _ in range(2):  # of two buffers in turn
        caller.guarded(latest, lambda: caller.call_quietly(operator, turned, memory, latest))
    progress.kept = progress.kept and kept.intact()
    memory.restore()
    _renew(memory, request)
    renewed = Progress()
    caller.guarded(renewed, lambda: caller.call_quietly(operator, turned, memory, renewed))
    found = list(renewed.returned.results) if renewed.returned else []
    progress.renewed = alike(wanted, found) and _heeds(caller, operator, turned)


def _heeds(caller: Caller, operator: BoundOperator, request: CallRequest) -> bool:
    """Whether the very tensors of a call give with other options what equal ones give: what is made
    of parameters is kept by them, without the options that went into it."""
    for others in filter(None, other_options(request)):
        results = []
        for earlier in (True, False):
            memory, given = ArgumentMemory(request.named_args(), caller.device), Progress()
            for options in ({}, others) if earlier else (others,):
                call = partial(_with_options, operator, request, memory, given, options)
                caller.guarded(given, call)
                if memory.changed()[0]:
                    return True  # what is written into has other values by then
            results.append(given.returned)
        seen, fresh = results
        if seen and fresh and not alike(list(fresh.results), list(seen.results)):
            return False
    return True


def _with_options(
    operator: BoundOperator,
    request: CallRequest,
    memory: ArgumentMemory,
    progress: Progress,
    options: dict[ArgKey, Any],
) -> None:
    progress.returned = None
    values = {**argument_values(request, memory), **options}
    progress.returned = unpack(invoke(operator, request, values))


def reordered(
    caller: Caller, operator: BoundOperator, request: CallRequest, progress: Progress
) -> bool:
    """Whether the same call with the programs in reverse gives other bits."""
    again = Progress()
    memory = ArgumentMemory(request.named_args(), caller.device)
    with reversed_programs():
        caller.guarded(again, lambda: caller.call(operator, request, memory, again))
    if progress.returned is None or again.returned is None:
        return True
    before = [*progress.returned.results, *progress.found]
    after = [*again.returned.results, *again.found]
    return any(differences(before, after))


def _renew(memory: ArgumentMemory, request: CallRequest) -> None:
    """Other values, as legal as those of the request.

    Not of all arguments in every case: what is kept by one weight must not hold another's.
    """
    some = memory.floats()[request.renewing == "second" :: 2]
    if request.renewing == "all" or not some:
        memory.change_floats()
        memory.reverse_integers(request.reversible, request.offsets)
    else:
        memory.change_floats(some)
