"""The timing loop on a device that is made up: what voids a time, what is refused, who waits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch

from conform.bench.device import Outputs
from conform.bench.records import CaseResult, Peaks, Status, Timing
from conform.bench.timing import (
    WARM_UP,
    Case,
    Competitor,
    Expected,
    Inputs,
    Unavailable,
    floor,
    time_case,
    wrong,
)

PEAKS = Peaks(copy=1e9, matmul=1e12)
ROUNDS = 7


@dataclass
class FakeDevice:
    """A clock that says what it is told; calls really run, on the CPU."""

    seconds: Callable[[int], float] = lambda call: 1e-3
    cache_bytes: int = 0
    name: str = "fake"
    where: torch.device = field(default_factory=lambda: torch.device("cpu"))
    calls: int = 0

    def timed(self, call: Callable[[], Outputs]) -> tuple[float, Outputs]:
        outputs = call()
        self.calls += 1
        return self.seconds(self.calls), tuple(x.clone() for x in outputs)

    def versions(self) -> dict[str, str]:
        return {"fake": "1"}


def draw(generator: torch.Generator) -> dict[str, torch.Tensor]:
    return {"x": torch.randn(8, 4, generator=generator), "up": torch.ones(8, 4)}


def doubled(inputs: Inputs) -> tuple[Expected, ...]:
    value = 2 * inputs["x"]
    return (Expected(value, torch.full_like(value, 1e-6)),)


def case(**changes: object) -> Case:
    given = {
        "name": "double", "operator": "double", "shape": "[8, 4]", "draw": draw,
        "trusted": doubled, "flops": 0.0, "read": 1e3, "written": 1e3, "arguments": ("x",),
    }  # fmt: skip
    return Case(**(given | changes))


def by(name: str, run: Callable[[Inputs], Outputs]) -> Competitor:
    return Competitor(name, lambda case: run)


def race(
    *competitors: Competitor, device: FakeDevice | None = None, **changes: object
) -> CaseResult:
    return time_case(case(**changes), competitors, device or FakeDevice(), PEAKS, ROUNDS, 0)


def right(inputs: Inputs) -> Outputs:
    return (2 * inputs["x"],)


def test_every_right_call_is_kept_and_warm_ups_are_not() -> None:
    device = FakeDevice(lambda call: call * 1e-3)
    (timing,) = race(by("right", right), device=device).timings
    assert timing.status is Status.MEASURED
    assert timing.seconds == tuple((WARM_UP + n) * 1e-3 for n in range(1, ROUNDS + 1))
    assert device.calls == WARM_UP + ROUNDS


def test_one_wrong_output_voids_all_times() -> None:
    calls = 0

    def once(inputs: Inputs) -> Outputs:
        nonlocal calls
        calls += 1
        out = 2 * inputs["x"]
        if calls == WARM_UP + ROUNDS:
            out[3, 1] += 0.01
        return (out,)

    (timing,) = race(by("once", once)).timings
    assert timing.status is Status.WRONG
    assert timing.seconds == ()
    assert "result 0: 3.12% beyond the bound" in timing.note


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.full((2, 2), math.nan), "100.00% beyond the bound"),
        (torch.zeros(2, 3), r"shape \(2, 3\), not \(2, 2\)"),
        (torch.full((2, 2), math.inf), "beyond the bound"),
    ],
)
def test_what_is_wrong_is_said(output: torch.Tensor, words: str) -> None:
    expected = Expected(torch.zeros(2, 2), torch.full((2, 2), 0.1))
    with pytest.raises(AssertionError, match=words):
        assert not wrong((output,), [expected]), wrong((output,), [expected])
    assert wrong((), [expected]) == "0 results; expected 1"
    assert wrong((torch.zeros(2, 2),), [expected]) == ""


def test_a_kept_result_or_a_changed_input_does_not_help() -> None:
    first: list[torch.Tensor] = []

    def kept(inputs: Inputs) -> Outputs:
        first.append(2 * inputs["x"])
        return (first[0],)

    def spoils(inputs: Inputs) -> Outputs:
        out = 2 * inputs["x"]
        inputs["x"].zero_()
        return (out,)

    by_name = {t.competitor: t for t in race(by("kept", kept), by("spoils", spoils)).timings}
    assert by_name["kept"].status is Status.WRONG
    # What it does to its own copy is nobody else's business.
    assert by_name["spoils"].status is Status.MEASURED


def test_a_time_below_the_floor_is_refused() -> None:
    device = FakeDevice(lambda call: 1e-6 if call == 5 else 1e-3)
    (timing,) = race(by("quick", right), device=device).timings
    assert timing.status is Status.REFUSED
    assert timing.note == "1.0 us is below the floor of 1.8 us"
    assert timing.seconds == ()


def test_the_floor_is_bytes_or_flops_and_leaves_out_what_the_cache_holds() -> None:
    assert floor(case(), PEAKS, 0) == pytest.approx(2e3 / 1e9 / 1.1)
    assert floor(case(), PEAKS, 10**6) == pytest.approx(1e3 / 1e9 / 1.1)
    assert floor(case(flops=1e10), PEAKS, 0) == pytest.approx(1e10 / 1e12 / 1.1)


def test_who_raises_or_is_not_there_is_named_and_the_others_go_on() -> None:
    def raises(inputs: Inputs) -> Outputs:
        raise RuntimeError("no\nkernel")

    def absent(case: Case) -> Callable[[Inputs], Outputs]:
        raise Unavailable("not installed")

    result = race(by("raises", raises), Competitor("absent", absent), by("right", right))
    assert [t.competitor for t in result.timings] == ["raises", "absent", "right"]
    assert [t.status for t in result.timings] == [
        Status.FAILED, Status.UNAVAILABLE, Status.MEASURED,
    ]  # fmt: skip
    assert result.timings[0].note == "RuntimeError: no kernel"
    assert result.timings[1].note == "not installed"


def test_backward_times_the_gradient_alone_and_together_both() -> None:
    seen: list[bool] = []

    def run(inputs: Inputs) -> Outputs:
        seen.append(device.inside)
        return (inputs["x"] * 2,)

    class Watching(FakeDevice):
        inside = False

        def timed(self, call: Callable[[], Outputs]) -> tuple[float, Outputs]:
            self.inside = True
            try:
                return super().timed(call)
            finally:
                self.inside = False

    def twos(inputs: Inputs) -> tuple[Expected, ...]:
        return (Expected(torch.full((8, 4), 2.0), torch.zeros(8, 4)),)

    for together in (False, True):
        device = Watching()
        seen.clear()
        (timing,) = race(
            by("run", run), device=device, wrt=("x",), trusted=twos, together=together
        ).timings
        assert timing.status is Status.MEASURED
        assert seen == [together] * (WARM_UP + ROUNDS)


def test_fresh_inputs_each_round_the_same_for_everyone() -> None:
    seen: dict[str, list[torch.Tensor]] = {"a": [], "b": []}

    def watching(name: str) -> Competitor:
        def run(inputs: Inputs) -> Outputs:
            seen[name].append(inputs["x"])
            return right(inputs)

        return by(name, run)

    race(watching("a"), watching("b"))
    assert all(torch.equal(a, b) for a, b in zip(seen["a"], seen["b"], strict=True))
    assert len({x.data_ptr() for x in seen["a"] + seen["b"]}) == 2 * (WARM_UP + ROUNDS)
    assert len({float(x[0, 0]) for x in seen["a"]}) == WARM_UP + ROUNDS


def test_medians_and_quartiles() -> None:
    timing = Timing("x", Status.MEASURED, (3.0, 1.0, 2.0, 4.0, 100.0))
    assert timing.median == 3.0
    assert timing.quartiles == (2.0, 4.0)
    assert math.isnan(Timing("x", Status.WRONG).median)
