"""The benchmark's peaks, choice of cases, files and exit codes; the trusted results; the cases."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conform.bench import trusted
from conform.bench.cases import all_cases
from conform.bench.competitors import competitors
from conform.bench.device import Outputs, cuda_device, library_versions
from conform.bench.race import choose, measure_peaks, of_target, race
from conform.bench.records import BenchReport, CaseResult, Peaks, Status, Timing
from conform.bench.table import markdown
from conform.bench.timing import Case, Competitor, Expected, wrong
from conform.commands.bench import exit_code, write
from conform.errors import ConformError
from conform.run.preflight import signatures
from conform.spec.book import built_in
from conform.target.loading import LoadedTarget, load_target
from conform.target.ref import parse_target
from conform_reference.attention import attention

PEAKS = Peaks(copy=4e12, matmul=8e14)


class Clock:
    """A device whose calls take a millisecond, on the CPU."""

    name, where, cache_bytes = "fake", torch.device("cpu"), 0

    def timed(self, call: Callable[[], Outputs]) -> tuple[float, Outputs]:
        return 1e-3, tuple(x.clone() for x in call())

    def versions(self) -> dict[str, str]:
        return {"torch": "0"}


def report(*timings: Timing) -> BenchReport:
    result = CaseResult("softmax 8", "softmax", "forward", "[8]", 4e11, 2e9, 5e-4, timings)
    return BenchReport("2026-01-01", "mine", "GPU", {"torch": "2"}, PEAKS, 5, 0, (result,))


MINE = Timing("mine", Status.MEASURED, (1e-3, 1.2e-3, 0.9e-3))
OTHER = Timing("other", Status.MEASURED, (8e-4, 8e-4, 8e-4))
WRONG = Timing("cheat", Status.WRONG, note="result 0: 3% | beyond")


def test_the_table_has_medians_spread_and_fractions() -> None:
    text = markdown(report(MINE, OTHER, WRONG))
    assert "copy 4.00 TB/s (read plus written), matmul 800 TFLOP/s" in text
    assert "| other | 800.0 us | 800.0 us to 800.0 us | 0.62 | 0.62 | 1.00 |" in text
    assert "| mine | 1.000 ms | 950.0 us to 1.100 ms | 0.50 | 0.50 | 1.25 |" in text
    assert "| cheat | wrong: result 0: 3% \\| beyond | | | | |" in text
    assert text.index("| other") < text.index("| mine") < text.index("| cheat")


def test_the_files(tmp_path: Path) -> None:
    write(report(MINE, WRONG), tmp_path / "new")
    content = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert content["schema"] == "conform-bench/1"
    assert content["versions"] == {"torch": "2"}
    mine, cheat = content["cases"][0]["timings"]
    assert mine["median"] == 1e-3
    assert mine["fraction_of_copy"] == pytest.approx(0.5)
    # A voided time is nowhere in the file.
    assert cheat == {
        "competitor": "cheat", "status": "wrong", "note": "result 0: 3% | beyond",
    }  # fmt: skip
    assert (tmp_path / "new" / "bench.md").read_text().startswith("# Benchmark of `mine`")


@pytest.mark.parametrize(
    ("timings", "code"),
    [
        ((MINE, WRONG), 0),
        ((replace(WRONG, competitor="mine"), OTHER), 1),
        ((replace(WRONG, competitor="mine", status=Status.REFUSED),), 1),
        ((replace(WRONG, competitor="mine", status=Status.FAILED),), 1),
        ((replace(WRONG, competitor="mine", status=Status.UNAVAILABLE), OTHER), 3),
    ],
)
def test_exit_codes(timings: tuple[Timing, ...], code: int) -> None:
    assert exit_code(report(*timings)) == code


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so() -> None:
    with pytest.raises(ConformError, match="benchmarks need a GPU") as caught:
        cuda_device()
    assert caught.value.exit_code == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_the_command_ends_with_2_and_writes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conform", "bench", "--out", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "benchmarks need a GPU" in done.stderr
    assert not (tmp_path / "out").exists()


def test_peaks_are_medians_of_what_the_device_says() -> None:
    peaks = measure_peaks(Clock(), copied=1024, size=16)
    assert peaks == Peaks(copy=2 * 1024 / 1e-3, matmul=2 * 16**3 / 1e-3)


def test_cases_are_chosen_by_operator_or_pattern() -> None:
    cases = all_cases()
    assert choose(cases, ()) == cases
    assert {c.operator for c in choose(cases, ("rope", "decode*"))} == {"rope", "decode_attention"}
    with pytest.raises(ConformError, match="'ropes' matches no case"):
        choose(cases, ("ropes",))


def test_cases_have_names_of_their_own_contracts_and_competitors() -> None:
    cases, book = all_cases(), built_in()
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        spec = book.operators[case.operator].spec
        assert len(spec.inputs) == len(case.arguments)
        assert set(case.options) <= set(spec.options)
        names = [c.name for c in competitors(case.operator)]
        assert {"eager", "torch.compile"} <= set(names)
        assert len(set(names)) == len(names)


def test_a_round_of_attention_with_a_target(tmp_path: Path) -> None:
    reference = load_target(parse_target("reference"), signatures(built_in()), "cpu")
    kinds = {"eager", "sdpa math"}

    def few(operator: str) -> tuple[Competitor, ...]:
        return tuple(c for c in competitors(operator) if c.name in kinds)

    small = [small_attention(backward) for backward in (False, True)]
    found = race(reference, small, few, Clock(), Peaks(1e12, 1e12), rounds=2, seed=1)
    for case in found.cases:
        statuses = {t.competitor: (t.status, t.note) for t in case.timings}
        assert statuses == dict.fromkeys(("reference", *kinds), (Status.MEASURED, "")), case.case


def small_attention(backward: bool) -> Case:
    names = ("q", "k", "v", "up") if backward else ("q", "k", "v")
    heads = {"q": 4, "k": 2, "v": 2, "up": 4}

    def draw(generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {n: torch.randn(1, heads[n], 300, 16, generator=generator).bfloat16() for n in names}

    check = trusted.attention_gradients if backward else trusted.attention
    return Case(
        f"small {backward}", "attention", "small", draw, lambda x: check(x, causal=True),
        0.0, 0.0, 0.0, ("q", "k", "v"), {"causal": True}, ("q", "k", "v") if backward else (),
    )  # fmt: skip


def test_a_target_that_lacks_the_operator_or_an_option_is_unavailable() -> None:
    loaded: LoadedTarget = load_target(parse_target("reference"), signatures(built_in()), "cpu")
    empty = replace(loaded, description=replace(loaded.description, operators={}))
    case = small_attention(False)
    found = race(empty, [case], lambda name: (), Clock(), PEAKS, rounds=1, seed=0)
    assert found.cases[0].timings[0].note == "it does not offer attention"
    claim = loaded.description.operators["attention"]
    for changed, words in (
        (replace(claim, options=frozenset()), "it does not claim causal"),
        (replace(claim, layout="BLHD"), "its layout is BLHD; the cases are drawn in BHLD"),
    ):
        description = replace(loaded.description, operators={"attention": changed})
        other = of_target(replace(loaded, description=description))
        with pytest.raises(Exception, match=words):
            other.make(case)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kv", [1, 2])
def test_trusted_attention_is_the_oracle(causal: bool, kv: int) -> None:
    """In blocks of rows, over several; the gradients, too."""
    generator = torch.Generator().manual_seed(kv)
    q, up = (torch.randn(2, 2, 300, 8, generator=generator).double() for _ in range(2))
    k, v = (torch.randn(2, kv, 300, 8, generator=generator).double() for _ in range(2))
    leaves = [t.requires_grad_() for t in (q, k, v)]
    o = attention(*leaves, causal=causal)
    gradients = torch.autograd.grad(o, leaves, up)
    inputs = {"q": q.detach(), "k": k.detach(), "v": v.detach(), "up": up}
    found = (*trusted.attention(inputs, causal), *trusted.attention_gradients(inputs, causal))
    for mine, true in zip(found, (o, *gradients), strict=True):
        torch.testing.assert_close(mine.value.double(), true.detach(), rtol=1e-4, atol=1e-5)


def rounded(inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Attention with bfloat16 probabilities, and its gradients."""
    leaves = [inputs[n].detach().clone().requires_grad_() for n in ("q", "k", "v")]
    (run,) = (c.make(small_attention(True)) for c in competitors("attention") if c.name == "eager")
    (o,) = run(dict(zip(("q", "k", "v"), leaves, strict=True)))
    return (o.detach(), *torch.autograd.grad(o, leaves, inputs["up"]))


def test_trusted_bounds_excuse_rounding_and_nothing_more() -> None:
    """Correct in bfloat16 passes; zeros, one wrong row, a scale off by a tenth do not."""
    inputs = small_attention(True).draw(torch.Generator().manual_seed(3))
    expected = (*trusted.attention(inputs, True), *trusted.attention_gradients(inputs, True))
    outputs = rounded(inputs)
    assert wrong(outputs, expected) == ""
    for index, (output, one) in enumerate(zip(outputs, expected, strict=True)):
        for name, broken in breakages(output):
            assert wrong((broken,), [one]), f"result {index}: {name}"


def breakages(x: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    row, other = x.clone(), x.clone()
    row[0, 0, 100] = 0
    other[0, -1, 200] = other[0, -1, 201]
    return [
        ("zeros", torch.zeros_like(x)), ("row", row), ("neighbour", other), ("scaled", x * 1.1),
        ("nan", torch.full_like(x, math.nan)),
    ]  # fmt: skip


@pytest.mark.parametrize("operator", ["rms_norm", "layer_norm", "gelu", "swish", "add_rms_norm"])
def test_eager_agrees_with_the_trusted_result_on_a_small_shape(operator: str) -> None:
    for case in (c for c in all_cases() if c.operator == operator):
        generator = torch.Generator().manual_seed(1)
        sizes = {n: torch.Size((16, 128)) if "x" in n or n in ("up", "residual") else (128,)
                 for n in (*case.arguments, *(("up",) if case.wrt else ()))}  # fmt: skip
        inputs = {n: torch.randn(s, generator=generator).bfloat16() for n, s in sizes.items()}
        expected = case.trusted(inputs)
        (eager,) = (c.make(case) for c in competitors(operator) if c.name == "eager")
        leaves = {n: t.clone().requires_grad_(n in case.wrt) for n, t in inputs.items()}
        outputs = eager(leaves)
        if case.wrt:
            up = [leaves["up"]]
            outputs = torch.autograd.grad([outputs[0]], [leaves[n] for n in case.wrt], up)
        assert wrong(outputs, expected) == "", case.name
        assert wrong(tuple(torch.zeros_like(x) for x in outputs), expected), case.name


def test_a_bound_of_a_scalar() -> None:
    one = trusted.near(torch.tensor(10.0), 2**-8, own=0.5, around=0.0)
    assert isinstance(one, Expected)
    assert float(one.bound) == pytest.approx(5 * 2**-8)


def test_versions_name_torch() -> None:
    assert {"python", "torch"} <= set(library_versions())
