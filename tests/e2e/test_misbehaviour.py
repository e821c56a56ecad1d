"""Targets that crash, hang, print, or change what they should not; runs that are interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conform.jsonl import read_stream

from .conftest import CHEAP, GOOD_SOFTMAX, PROCESS, Conform, run_softmax


def strict_json(path: Path) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("segfaults", "crash", "SIGSEGV"),
        ("calls_exit", "error", "SystemExit"),
        ("leaves_at_once", "crash", "7"),
        ("raises", "error", "cannot handle shape="),
        ("returns_none", "fail", "returned None"),
        ("returns_tuple", "fail", "tuple"),
        ("returns_text", "fail", "str"),
        ("wrong_shape", "fail", "shape"),
        ("wrong_dtype", "fail", "float64"),
        ("returns_nan", "fail", "nan"),
    ],
)
def test_misbehaviour_is_a_verdict(conform: Conform, name: str, outcome: str, words: str) -> None:
    done = run_softmax(
        conform, PROCESS / f"{name}.py", "--property", "softmax.agrees-with-reference"
    )
    assert done.code == 1, done.out
    (verdict,) = done.verdicts()
    assert verdict["outcome"] == outcome
    assert (
        words in verdict["counterexample"]["message"].lower() + verdict["counterexample"]["message"]
    )


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("mutates_input", "inputs-unchanged"),
        ("writes_margins", "margins-unwritten"),
        ("changes_state", "global-state"),
        ("draws_from_global", "repeatable"),
        ("reuses_buffer", "result-kept"),
        ("remembers_addresses", "inputs-read-anew"),
        ("gradient_ignores_strides", "gradients-apart"),
        ("gradient_of_the_last_call", "gradients-apart"),
    ],
)
def test_effects_are_seen_by_hygiene(conform: Conform, name: str, law: str) -> None:
    done = run_softmax(conform, PROCESS / f"{name}.py", "--property", f"softmax.hygiene.{law}")
    assert done.code == 1, done.out
    (verdict,) = done.verdicts()
    assert verdict["outcome"] in ("fail", "error")


@pytest.mark.parametrize(
    ("name", "law", "words"),
    [
        ("overwrites_cotangent", "cotangents-unchanged", "left"),
        ("spends_what_it_saved", "gradients-again", "gone back a second time"),
    ],
)
def test_a_backward_that_saves_memory_at_a_price_is_told(
    conform: Conform, name: str, law: str, words: str
) -> None:
    law = f"softmax.hygiene.{law}"
    done = run_softmax(
        conform,
        PROCESS / f"{name}.py",
        *("--property", law, "--property", "softmax.hygiene.inputs-unchanged"),
    )
    assert done.code == 0, done.out  # a `should`: some libraries do so on purpose
    (verdict,) = (v for v in done.verdicts() if v["property"] == law)
    assert (verdict["outcome"], verdict["level"]) == ("fail", "should")
    assert words in verdict["counterexample"]["message"]


CUT = """
import torch

def rms_norm(x, gamma, *, eps=1e-6):
    y = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return y * gamma.detach()
"""


@pytest.mark.parametrize("declared", [False, True])
def test_a_weight_whose_graph_is_cut_is_told(
    conform: Conform, tmp_path: Path, declared: bool
) -> None:
    """What flows is the target's to say; where it says nothing, a lost gradient is advice."""
    target = tmp_path / "cut.py"
    claim = {"operators": {"rms_norm": {"differentiable": ["x"]}}} if declared else {}
    target.write_text(f"{CUT}\n\nCONFORM = {claim}\n")
    law = "rms_norm.hygiene.gradients-reach"
    wanted = ("--property", law, "--property", "rms_norm.hygiene.inputs-unchanged")
    done = conform("run", "--target", str(target), "--profile", "quick", *wanted)
    assert done.code == 0, done.out
    (verdict,) = (v for v in done.verdicts() if v["property"] == law)
    if declared:
        assert verdict["outcome"] == "pass"
    else:
        assert (verdict["outcome"], verdict["level"]) == ("fail", "should")
        assert "no gradient reaches gamma" in verdict["counterexample"]["message"]


@pytest.mark.slow
def test_memory_is_bounded(conform: Conform) -> None:
    done = run_softmax(
        conform,
        PROCESS / "exhausts_memory.py",
        "--property",
        "softmax.agrees-with-reference",
        "--timeout",
        "20",
    )
    assert done.code == 1
    assert done.verdicts()[0]["outcome"] in ("error", "crash", "timeout")


def test_much_printing_is_harmless(conform: Conform) -> None:
    done = run_softmax(
        conform, PROCESS / "prints_a_lot.py", "--property", "softmax.agrees-with-reference"
    )
    assert done.code == 0
    assert len(done.out) < 20_000


def test_what_raises_is_told_how_to_declare_it(conform: Conform) -> None:
    law = ("--property", "softmax.agrees-with-reference")
    hint = "hint: what raised was asked within the contract"
    assert hint in run_softmax(conform, PROCESS / "raises.py", *law).out
    assert hint not in run_softmax(conform, PROCESS / "returns_nan.py", *law).out


def test_a_crash_does_not_end_the_run(conform: Conform, tmp_path: Path) -> None:
    """One function segfaults, another hangs: both are verdicts, and the third is judged."""
    target = tmp_path / "mixed.py"
    target.write_text(
        "import ctypes, torch\n"
        "def softmax(x):\n    ctypes.string_at(0)\n"
        "def gelu(x):\n    while True:\n        pass\n"
        "def swish(x, *, beta=1.0):\n    return x * torch.sigmoid(beta * x)\n"
    )
    done = conform(
        "run",
        "--target",
        str(target),
        "--property",
        "*.agrees-with-reference",
        *CHEAP,
        "--timeout",
        "0.5",
        "--out",
        str(tmp_path / "out"),
    )
    assert done.code == 1
    found = {v["operator"]: v["outcome"] for v in done.verdicts()}
    assert found == {"softmax": "crash", "gelu": "timeout", "swish": "pass"}
    assert done.result is not None
    assert done.result["complete"] is True
    crash = done.verdicts(operator="softmax")[0]
    assert Path(crash["counterexample"]["replay"].split()[2]).is_file()
    assert "restarted" in done.out


def test_an_interrupted_run_is_kept_and_resumed(conform: Conform, tmp_path: Path) -> None:
    target = tmp_path / "slowly.py"
    target.write_text(
        "import time\ndef softmax(x):\n    time.sleep(0.15)\n    return x.softmax(-1)\n"
    )
    out, file = tmp_path / "out", tmp_path / "part.json"
    words = ["run", "--target", str(target), "--operator", "softmax", *CHEAP, "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "conform", *words, "--json", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A job in the background of a shell ignores interrupts, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    events = out / "events.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if events.exists() and events.read_text().count("VerdictReached") >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    stream = read_stream(events)
    assert stream.finished
    assert not stream.complete
    kept = sum(len(v) for v in stream.verdicts.values())
    assert kept >= 2
    part = strict_json(file)
    assert (part["complete"], part["exit_code"]) == (False, 130)
    assert sum(part["summary"].values()) == kept
    target.write_text(GOOD_SOFTMAX)
    done = conform(*words, "--resume")
    assert done.code == 0, done.out
    assert len(done.verdicts()) > kept
    assert done.result is not None
    assert done.result["complete"] is True
    whole = read_stream(events)
    assert whole.complete
    before = {v.property: v.seconds for v in stream.verdicts["slowly"]}
    after = {v["property"]: v["seconds"] for v in done.verdicts()}
    assert {name: after[name] for name in before} == pytest.approx(before)


def test_resume_needs_an_earlier_run(conform: Conform, tmp_path: Path) -> None:
    done = run_softmax(conform, "reference", "--out", str(tmp_path / "none"), "--resume")
    assert done.code == 2
    assert "events.jsonl" in done.err


def test_laws_below_the_level_alone_say_how_to_count_them(conform: Conform) -> None:
    wanted = ("--target", "reference", "--property", "rms_norm.hygiene.gradients-reach")
    done = conform("run", *wanted)
    assert done.code == 3
    assert "no law at level must or above was asked; --level should counts the others" in done.out
    assert conform("run", *wanted, "--level", "should").code == 0
