"""Gradients asked for one by one, with others between there and back, twice, of plain memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import torch

from conform.work.caller import BoundOperator, Caller, invoke, leaves_of
from conform.work.memory import ArgumentMemory, KeptResults
from conform.work.passing import argument_values, other_options
from conform.work.progress import Progress
from conform.work.protocol import ArgKey, CallRequest
from conform.work.repeats import alike, differences, mostly_same, same_gradients
from conform.work.results import unpack

PAIRS = 4  # of arguments for which one tensor is passed


def gradients_apart(
    caller: Caller, operator: BoundOperator, request: CallRequest, progress: Progress
) -> str:
    """What is wrong when gradients are asked for one by one, after a call without any, of the same
    leaves again, or with other calls between the way there and the way back.

    All on one memory, so that what an earlier call kept there is found again.
    """
    if progress.filled:
        return "the call adds to .grad by itself, where backward() would add once more"
    if _no_number(progress):
        return "a gradient is no number, although the result and what flows back are"
    memory = ArgumentMemory(request.named_args(), caller.device)
    if _switches_off(caller, operator, request, memory):
        return "the call switches off that an input needs a gradient"
    quiet = Progress()
    without = replace(request, no_grad=True)
    caller.guarded(quiet, lambda: caller.call_quietly(operator, without, memory, quiet))
    alone = tuple((key,) for key in request.wrt) if len(request.wrt) > 1 else ()
    for wrt in (request.wrt, *alone):
        part = _pulled(caller, operator, replace(request, wrt=wrt), memory, Progress())
        words = "the gradient of " + ", ".join(map(str, wrt))
        if part.exception is not None:
            return f"{words}, asked for alone, raises {part.exception.type}"
        if not _same(progress, part):
            return f"{words} is another when nothing else has one"
    stepped = _stepped(caller, operator, request, memory, progress)
    if stepped:
        return stepped
    overtaken = _overtaken(caller, operator, request, memory, progress)
    if overtaken:
        return overtaken
    if _overwritten(caller, operator, request, memory, progress):
        return "the gradients are others when a result is written over before, and nothing is said"
    tensors = progress.returned.tensors() if progress.returned else []
    floats = [x for x in tensors if x.is_floating_point()]
    if len(floats) > 1:
        each = [Progress(only=i) for i in range(len(floats))]
        parts = [_pulled(caller, operator, request, memory, p).gradients for p in each]
        if not same_gradients(progress.gradients, parts):
            return "the gradients of the results, one by one, do not add up"
    return _joined(caller, operator, request, memory)


def gradients_again(
    caller: Caller, operator: BoundOperator, request: CallRequest, progress: Progress
) -> str:
    """What is wrong when one graph is gone back twice. An error is not: nobody is misled."""
    memory = ArgumentMemory(request.named_args(), caller.device)
    again = _pulled(caller, operator, request, memory, Progress(twice=True))
    if again.exception is None and not _same(progress, again):
        return "the gradients are others when the same graph is gone back a second time"
    return ""


def gradients_straight(
    caller: Caller, operator: BoundOperator, request: CallRequest, progress: Progress
) -> str:
    """What is wrong with the gradients when the inputs are copied to contiguous memory.

    Where the results differ as well something else was chosen; another law compares them. What
    differs has to do so with other values, too: a rounding may have crossed a kink.
    """
    bent = progress
    for others in (False, True):
        if others:
            bent = _straightened(caller, operator, request, others=True, bent=True)
        straight = _straightened(caller, operator, request, others=others)
        if bent.returned is None or straight.returned is None:
            return ""
        if bent.exception is None and straight.exception is not None:
            return f"the way back raises {straight.exception.type} when the inputs are contiguous"
        if not alike(list(bent.returned.results), list(straight.returned.results)):
            return ""
        if same_gradients(bent.gradients, [straight.gradients]) or (
            any(g is not None and g.itemsize <= 2 for g in bent.gradients.values())
            and _same(bent, straight)
        ):
            return ""
    return "the gradients are others when the inputs are contiguous"


def _straightened(
    caller: Caller,
    operator: BoundOperator,
    request: CallRequest,
    *,
    others: bool,
    bent: bool = False,
) -> Progress:
    """There and back with other values, with the arguments as they lie (`bent`) or contiguous."""
    memory, progress = ArgumentMemory(request.named_args(), caller.device), Progress()
    if others:
        memory.change_floats()
    if bent or memory.straighten():
        caller.guarded(progress, lambda: caller.call(operator, request, memory, progress))
    return progress


def _switches_off(
    caller: Caller, operator: BoundOperator, request: CallRequest, memory: ArgumentMemory
) -> bool:
    """Whether a float that needs a gradient needs none after the call, those that methods freeze
    included: whose weight it is decides what learns. An error is for other calls to tell."""
    values = argument_values(request, memory)
    floats = [k for k, x in values.items() if torch.is_tensor(x) and x.is_floating_point()]
    for key in floats:
        values[key] = values[key].detach().requires_grad_()
    caller.guarded(Progress(), lambda: invoke(operator, request, values))
    return not all(values[key].requires_grad for key in floats)


def _no_number(progress: Progress) -> bool:
    """Whether a gradient holds NaN where no result does; float16 overflows on the way by right."""
    results = progress.returned.tensors() if progress.returned else []
    floats = [y for y in results if y.is_floating_point()]
    if any(y.dtype == torch.float16 or not bool(torch.isfinite(y).all()) for y in floats):
        return False
    return any(bool(torch.isnan(g).any()) for g in progress.found)


def _same(whole: Progress, part: Progress) -> bool:
    """Whether the part's gradients are the whole's. Libraries choose their algorithm by what has a
    gradient (torch's attention layer does), so that the results may differ by roundings."""
    if same_gradients(whole.gradients, [part.gradients]):
        return True
    if whole.returned is None or part.returned is None:
        return False
    before, after = list(whole.returned.results), list(part.returned.results)
    other = any(differences(before, after)) and alike(before, after)
    return other and mostly_same(whole.gradients, part.gradients)


def _stepped(
    caller: Caller,
    operator: BoundOperator,
    request: CallRequest,
    memory: ArgumentMemory,
    progress: Progress,
) -> str:
    """What is wrong when the same leaves, as parameters are, go there and back a second time: what
    was made of them is kept by object, and a graph that was gone back is spent."""
    values = leaves_of(request, memory)
    _pulled(caller, operator, request, memory, Progress(), values)
    if memory.changed()[0]:
        return ""  # such a leaf is part of a graph by then
    part = _pulled(caller, operator, request, memory, Progress(), values)
    if part.exception is not None:
        return f"a second call with the same parameters raises {part.exception.type}"
    return "" if _same(progress, part) else "a second call with the same parameters learns another"


def _overwritten(
    caller: Caller,
    operator: BoundOperator,
    request: CallRequest,
    memory: ArgumentMemory,
    progress: Progress,
) -> bool:
    """Whether halving the results in place, as a residual connection or a dropout writes into them,
    changes the gradients behind autograd's back, which raises for what was saved by its means."""
    between = Progress()

    def overwrite() -> None:
        for y in between.returned.tensors() if between.returned else ():
            with suppress(RuntimeError), torch.no_grad():  # autograd may forbid it
                y.mul_(0.5) if y.requires_grad else None

    between.meanwhile = overwrite
    part = _pulled(caller, operator, request, memory, between)
    return part.exception is None and not same_gradients(progress.gradients, [part.gradients])


def _overtaken(
    caller: Caller,
    operator: BoundOperator,
    request: CallRequest,
    memory: ArgumentMemory,
    progress: Progress,
) -> str:
    """What another layer between the way there and the way back does to the gradients.

    Of the floats only what has a gradient gets other values: a module whose weights are replaced
    between the two is used wrongly. Masks, tokens and offsets are others, as they are in every
    call. An error is not held against it either: autograd itself raises it where weights were
    written meanwhile, and nobody is misled.
    """
    other = ArgumentMemory(request.named_args(), caller.device)
    other.change_floats([key for key, g in progress.gradients.items() if g is not None])
    other.reverse_integers(request.reversible, request.offsets)
    values = leaves_of(request, other)
    handed_out = KeptResults(list(progress.pulled_back))
    intact: list[bool] = []

    def meanwhile(others: dict[ArgKey, Any]) -> None:
        _another_layer(operator, request, values, others)
        intact.append(handed_out.intact())

    for others in other_options(request):
        between = Progress(meanwhile=partial(meanwhile, others))
        part = _pulled(caller, operator, request, memory, between)
        if not all(intact):
            return "gradients that were handed out are changed by the way back of another call"
        if part.exception is not None:
            continue
        if not same_gradients(progress.gradients, [part.gradients]):
            return "the gradients are others when another call comes between there and back"
    return ""


def _joined(
    caller: Caller, operator: BoundOperator, request: CallRequest, plain: ArgumentMemory
) -> str:
    """What is wrong when one tensor is passed for two arguments, as its own keys or residual: there
    and back, against two of equal values."""
    floats = [(key, plain.views[key]) for key in request.wrt if isinstance(key, int)]
    pairs = [
        (a, b)
        for (a, x), (b, y) in combinations(floats, 2)
        if x.shape == y.shape and x.dtype == y.dtype and x.numel()
    ]
    for first, second in pairs[:PAIRS]:
        found = []
        for equal in (True, False):
            memory = ArgumentMemory(request.named_args(), caller.device)
            memory.join(first, second, equal=equal)
            found.append(_pulled(caller, operator, request, memory, Progress()))
            if memory.changed()[0] or (equal and found[0].exception is not None):
                break  # what writes into an argument writes into both
        if len(found) < 2:
            continue
        two, one = found
        words = f"when one tensor is passed as arguments {first} and {second}"
        if one.exception is not None or two.returned is None or one.returned is None:
            return f"{words}, {one.exception.type if one.exception else 'nothing'} is raised"
        if not alike(list(two.returned.results), list(one.returned.results)):
            return f"the result is another {words}"
        whole = {key: g for key, g in one.gradients.items() if key != second}
        rest = {key: g for key, g in two.gradients.items() if key != second}
        if not same_gradients(whole, [rest, {first: two.gradients[second]}]):
            return f"the gradients do not add up {words}"
    return ""


def _pulled(
    caller: Caller,
    operator: BoundOperator,
    request: CallRequest,
    memory: ArgumentMemory,
    progress: Progress,
    values: dict[ArgKey, Any] | None = None,
) -> Progress:
    if memory.changed()[0]:  # restoring counts as a change of the argument
        memory.restore()
    caller.guarded(progress, lambda: caller.call(operator, request, memory, progress, values))
    return progress


def _another_layer(
    operator: BoundOperator,
    request: CallRequest,
    values: dict[ArgKey, Any],
    others: dict[ArgKey, Any],
) -> None:
    """A layer of the same sizes goes there and back, and one goes there, with options of its own
    if there are any: what is saved on a stack is not on top of it then."""
    returned = unpack(invoke(operator, request, values)).tensors()
    floats = [y for y in returned if y.is_floating_point() and y.requires_grad]
    with suppress(Exception):  # what this layer lacks is for its own calls to tell
        cotangents = [torch.ones_like(y) for y in floats]
        torch.autograd.grad(floats, [values[k] for k in request.wrt], cotangents, allow_unused=True)
    with suppress(Exception):  # they may not fit each other
        invoke(operator, request, {**values, **others})
