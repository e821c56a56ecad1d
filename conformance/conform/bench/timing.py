"""The timing loop: fresh inputs for every call, every output checked, nothing faster than light."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from conform.bench.device import Device, Outputs
from conform.bench.records import CaseResult, Peaks, Status, Timing

Inputs = Mapping[str, torch.Tensor]
Run = Callable[[Inputs], Outputs]
# Above what a plain copy or torch's product was measured to reach, nothing is believed.
SLACK = 1.1
WARM_UP = 3


class Unavailable(Exception):
    """A competitor is not installed, or not made for a case; the message says which."""


@dataclass(frozen=True)
class Expected:
    """One trusted result in float32, and how far each element may be from it."""

    value: torch.Tensor
    bound: torch.Tensor


@dataclass(frozen=True)
class Case:
    """One operator at one shape.

    draw: fresh inputs from a generator; trusted: what must come out. wrt: inputs whose gradients
    are timed (the result's gradient is the input "up"), alone or, `together`, with the forward
    pass; empty: the forward pass is. read, written: the bytes that must be moved at least.
    """

    name: str
    operator: str
    shape: str
    draw: Callable[[torch.Generator], dict[str, torch.Tensor]]
    trusted: Callable[[Inputs], tuple[Expected, ...]]
    flops: float
    read: float
    written: float
    arguments: tuple[str, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    wrt: tuple[str, ...] = ()
    together: bool = False

    @property
    def way(self) -> str:
        """What is timed, in words."""
        if not self.wrt:
            return "forward"
        return "forward and backward" if self.together else "backward"


@dataclass(frozen=True)
class Competitor:
    """Somebody's implementation; make gives its function for a case, or raises Unavailable."""

    name: str
    make: Callable[[Case], Run]


def floor(case: Case, peaks: Peaks, cache_bytes: int) -> float:
    """Seconds that the case takes at least: what is read, and written beyond the cache; flops."""
    moved = case.read + max(0.0, case.written - cache_bytes)
    return max(moved / peaks.copy, case.flops / peaks.matmul) / SLACK


def wrong(outputs: Outputs, expected: Sequence[Expected]) -> str:
    """What is wrong with some outputs; empty: nothing."""
    if len(outputs) != len(expected):
        return f"{len(outputs)} results; expected {len(expected)}"
    for index, (output, trusted) in enumerate(zip(outputs, expected, strict=True)):
        if output.shape != trusted.value.shape:
            return f"result {index}: shape {tuple(output.shape)}, not {tuple(trusted.value.shape)}"
        error = (output.float() - trusted.value).abs_()
        # Not `error > bound`: a NaN must not pass.
        far = ~(error <= trusted.bound)
        if bool(far.any()):
            ratio = float((error / trusted.bound).nan_to_num(torch.inf).max())
            share = float(far.float().mean())
            return f"result {index}: {share:.2%} beyond the bound, at most {ratio:.3g} times"
    return ""


@dataclass
class _Runner:
    """A competitor on its way through the rounds."""

    name: str
    run: Run
    seconds: list[float] = field(default_factory=list)


def time_case(
    case: Case,
    competitors: Sequence[Competitor],
    device: Device,
    peaks: Peaks,
    rounds: int,
    seed: int,
) -> CaseResult:
    """Time everyone on the same inputs, round by round in a shuffled order.

    A wrong output, a time below the floor or an exception ends a competitor's race: none of its
    times is kept.
    """
    least = floor(case, peaks, device.cache_bytes)
    alive, ended = _start(case, competitors)
    order = random.Random(seed)
    for number in range(WARM_UP + rounds):
        generator = torch.Generator(device.where).manual_seed(seed * 1_000_003 + number)
        inputs = case.draw(generator)
        expected = case.trusted(inputs)
        order.shuffle(alive)
        for runner in list(alive):
            end = _one(case, runner, inputs, expected, device, least, number >= WARM_UP)
            if end is not None:
                ended[runner.name] = end
                alive.remove(runner)
    for runner in alive:
        ended[runner.name] = Timing(runner.name, Status.MEASURED, tuple(runner.seconds))
    timings = tuple(ended[competitor.name] for competitor in competitors)
    moved = case.read + case.written
    return CaseResult(
        case.name, case.operator, case.way, case.shape, case.flops, moved, least, timings
    )


def _start(
    case: Case, competitors: Sequence[Competitor]
) -> tuple[list[_Runner], dict[str, Timing]]:
    alive, ended = [], {}
    for competitor in competitors:
        try:
            alive.append(_Runner(competitor.name, competitor.make(case)))
        except Unavailable as reason:
            note = str(reason)
            ended[competitor.name] = Timing(competitor.name, Status.UNAVAILABLE, note=note)
    return alive, ended


def _one(
    case: Case,
    runner: _Runner,
    inputs: Inputs,
    expected: Sequence[Expected],
    device: Device,
    least: float,
    counted: bool,
) -> Timing | None:
    """One checked call; the end of the race where it is one."""
    # Copies, at other addresses each time: neither a changed input nor a kept result helps.
    own = {name: tensor.clone() for name, tensor in inputs.items()}
    try:
        seconds, outputs = device.timed(_work(case, runner.run, own))
        problem = wrong(outputs, expected)
    except Unavailable as reason:
        return Timing(runner.name, Status.UNAVAILABLE, note=str(reason))
    except Exception as error:  # noqa: BLE001 - somebody else's code
        words = " ".join(str(error).split())[:200]
        return Timing(runner.name, Status.FAILED, note=f"{type(error).__name__}: {words}")
    if problem:
        return Timing(runner.name, Status.WRONG, note=problem)
    if seconds < least:
        note = f"{seconds * 1e6:.1f} us is below the floor of {least * 1e6:.1f} us"
        return Timing(runner.name, Status.REFUSED, note=note)
    if counted:
        runner.seconds.append(seconds)
    return None


def _work(case: Case, run: Run, inputs: dict[str, torch.Tensor]) -> Callable[[], Outputs]:
    """What is timed: the forward pass, the backward pass after an untimed one, or both."""
    leaves = [inputs[name].requires_grad_() for name in case.wrt]

    def forward() -> Outputs:
        with torch.set_grad_enabled(bool(leaves)):
            return run(inputs)

    def backward(result: torch.Tensor) -> Outputs:
        return torch.autograd.grad([result], leaves, [inputs["up"]])

    if not leaves:
        return forward
    if case.together:
        return lambda: backward(forward()[0])
    result = forward()[0]
    return lambda: backward(result)
