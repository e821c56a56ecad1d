"""`conform run` from the command line to its files, on good, wrong and misbehaving targets."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from conform.reading import read_result

from .conftest import CHEAP, GOOD_SOFTMAX, PROCESS, TESTS, Conform, run_softmax


def strict_json(path: Path) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


# -- exit codes and files ------------------------------------------------------------------------


def test_a_conforming_target_gives_0_and_the_promised_json(
    conform: Conform, tmp_path: Path
) -> None:
    file = tmp_path / "result.json"
    done = conform(
        "run",
        "--target",
        "reference",
        "--operator",
        "swish",
        *CHEAP,
        "--json",
        str(file),
        "--html",
        str(tmp_path / "r.html"),
        "--junit",
        str(tmp_path / "r.xml"),
        "--sarif",
        str(tmp_path / "r.sarif"),
        "--markdown",
        str(tmp_path / "r.md"),
    )
    assert done.code == 0, done.out + done.err
    result = strict_json(file)
    assert result["schema"] == "conform-result/1"
    assert set(result) >= {
        "schema",
        "environment",
        "seed",
        "profile",
        "complete",
        "targets",
        "summary",
        "exit_code",
    }
    assert set(result["environment"]) >= {"conform", "python", "torch", "device", "threads"}
    assert (result["seed"], result["profile"], result["complete"], result["exit_code"]) == (
        0,
        "quick",
        True,
        0,
    )
    assert set(result["summary"]) == {
        "pass",
        "fail",
        "error",
        "crash",
        "timeout",
        "incomplete",
        "unsupported",
        "excused",
    }
    (target,) = result["targets"]
    assert target["name"] == "reference"
    assert target["operators"] == ["swish"]
    assert sum(result["summary"].values()) == len(target["verdicts"]) > 10
    for verdict in target["verdicts"]:
        assert set(verdict) >= {
            "property",
            "operator",
            "level",
            "dtype",
            "device",
            "outcome",
            "cases",
            "seconds",
        }
        assert verdict["outcome"] in result["summary"]
    agreement = next(
        v for v in target["verdicts"] if v["property"] == "swish.agrees-with-reference"
    )
    assert agreement["cases"] >= 6
    assert 0 < agreement["worst_ratio"] <= 1
    assert read_result(file).exit_code() == 0
    assert (tmp_path / "r.html").read_text().lstrip().lower().startswith("<!doctype html")
    assert "http" not in (tmp_path / "r.html").read_text().split("<style")[1].split("</style")[0]
    assert (tmp_path / "r.xml").read_text().startswith("<?xml")
    assert strict_json(tmp_path / "r.sarif")["version"] == "2.1.0"
    assert "swish" in (tmp_path / "r.md").read_text()


def test_a_wrong_scale_gives_1_with_diagnosis_and_replay(conform: Conform, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = conform(
        "run",
        "--target",
        str(TESTS / "broken" / "attention__scale_by_dim.py"),
        "--operator",
        "attention",
        "--property",
        "attention.agrees-with-reference",
        *CHEAP,
        "--out",
        str(out),
    )
    assert done.code == 1
    (verdict,) = done.verdicts(outcome="fail")
    assert verdict["diagnosis"][0]["mistake"] == "attention.scale-by-dim"
    assert verdict["diagnosis"][0]["agreement"] == 1.0
    example = verdict["counterexample"]
    assert "conform-case/1" in json.dumps(example["case"])
    assert example["message"]
    assert verdict["worst_ratio"] == "inf" or verdict["worst_ratio"] > 1
    assert "attention.scale-by-dim" in done.out
    words = example["replay"].split()
    assert words[:2] == ["conform", "replay"]
    assert Path(words[2]).is_file()
    again = conform(*words[1:])
    assert again.code == 1
    assert "still fails" in again.out
    fixed = conform(*words[1:], "--target", "reference")
    assert fixed.code == 0
    assert "fixed" in fixed.out


EAGER = """
def attention(q, k, v):
    return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1) @ v


CONFORM = {"operators": {"attention": {"requires": ["H == K", "Lk > 0"]}}}
"""


def test_roundings_that_can_be_declared_are_named(conform: Conform, tmp_path: Path) -> None:
    only = ("--property", "attention.agrees-with-reference", "--dtype", "bfloat16")
    asked = ("--profile", "quick", *only)
    target = tmp_path / "eager.py"
    target.write_text(EAGER)
    done = conform("run", "--target", str(target), *asked, "--out", str(tmp_path / "out"))
    (verdict,) = done.verdicts(outcome="fail")
    (diagnosis,) = verdict["diagnosis"]
    assert (diagnosis["mistake"], diagnosis["kind"]) == ("scores-in-dtype", "rounding")
    target.write_text(EAGER.replace('{"requires"', '{"rounding": "scores-in-dtype", "requires"'))
    done = conform("run", "--target", str(target), *asked, "--out", str(tmp_path / "out"))
    assert done.code == 0


def test_a_target_that_refuses_everything_is_unsupported(conform: Conform) -> None:
    done = run_softmax(conform, PROCESS / "refuses.py")
    assert {v["outcome"] for v in done.verdicts()} == {"unsupported"}
    assert done.code in (0, 3)


def test_incomplete_gives_3(conform: Conform, tmp_path: Path) -> None:
    """Limits that no law's condition can meet: planned, but not decided."""
    target = tmp_path / "unasked.py"
    target.write_text(
        GOOD_SOFTMAX + 'CONFORM = {"operators": {"softmax": {"requires": ["1 > 2"]}}}\n'
    )
    done = run_softmax(conform, target)
    assert done.code == 3, done.out
    assert done.result is not None
    assert done.result["exit_code"] == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--operator", "atention"], "did you mean 'attention'?"),
        (["--property", "rms_norm.od"], "did you mean 'rms_norm.odd'?"),
        (["--dtype", "float31"], "did you mean 'float32'?"),
        (["--profile", "quik"], "did you mean 'quick'?"),
        (["--level", "mustt"], "did you mean 'must'?"),
        (["--device", "cudda"], "did you mean 'cuda'?"),
        (["--target", "referense"], "did you mean 'reference'?"),
        (["--target", "no/such/file.py"], "no/such/file.py"),
        (["--target", "exec:true"], "exec"),
        (["--operator", "softmax", "--property", "rope.*"], "nothing-selected"),
        (["--property", "nothing-*"], "no property matches"),
        (["--shard", "3/2"], "shard"),
        (["--shard", "x"], "shard"),
        (["--shard", "0/2"], "shard"),
        (["--timeout", "0"], "timeout"),
        (["--timeout", "-1"], "timeout"),
        (["--timeout", "nan"], "timeout"),
        (["--jobs", "0"], "jobs"),
        (["--resume"], "--out"),
        (["--device", "cuda"], "cuda"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_gives_2(conform: Conform, words: list[str], told: str) -> None:
    if words == ["--device", "cuda"]:
        import torch

        if torch.cuda.is_available():
            words = ["--target", "no/such/file.py"]
            told = "no/such/file.py"
    base = [] if "--target" in words else ["--target", "reference"]
    if not {"--operator", "--property"} & set(words):
        base += ["--operator", "swish"]  # little to run, should the request be accepted
    done = conform("run", *base, *words, *([] if "--profile" in words else ["--profile", "quick"]))
    assert done.code == 2, done.out + done.err
    assert told in done.err
    assert "Traceback" not in done.err
    assert done.result is None


def test_unknown_options_and_verbs_give_2(conform: Conform) -> None:
    assert conform("run", "--target", "reference", "--profil", "quick").code == 2
    assert conform("runn").code == 2


def test_a_target_without_the_operator_gives_2(conform: Conform) -> None:
    done = conform(
        "run", "--target", str(PROCESS / "mutates_input.py"), "--operator", "rope", *CHEAP
    )
    assert done.code == 2
    assert "softmax" in done.err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("import_error", "no_such_module_for_conform"),
        ("import_exits", "usage: import_exits INPUT"),
        ("import_crashes", "SIGSEGV"),
        ("no_operator", "soft_max"),
        ("bad_declaration", "did you mean 'dtypes'"),
        ("lacks_inputs", "attention"),
        ("wrong_signature", "dim"),
    ],
)
def test_targets_that_cannot_be_loaded_give_2(conform: Conform, name: str, told: str) -> None:
    done = conform("run", "--target", str(PROCESS / f"{name}.py"), *CHEAP)
    assert done.code == 2, done.out
    assert told in done.err
    assert "conformance/conform" not in done.err
    assert done.result is None


def test_shards_merge_to_the_whole_plan(conform: Conform, tmp_path: Path) -> None:
    names = ("softmax", "swish", "gelu")
    words = ["run", "--target", "reference", *CHEAP, "--property", "*.agrees-with-reference"]
    for name in names:
        words += ["--operator", name]
    parts = []
    for index in (1, 2):
        parts.append(tmp_path / f"part{index}.json")
        assert conform(*words, "--shard", f"{index}/2", "--json", str(parts[-1])).code == 0
    merged = tmp_path / "merged.json"
    done = conform("merge", *map(str, parts), "--json", str(merged))
    assert done.code == 0, done.err
    whole = conform(*words)

    def keys(result: Any) -> list[tuple[str, str, str]]:
        return sorted(
            (v["property"], v["dtype"], v["outcome"])
            for t in result["targets"]
            for v in t["verdicts"]
        )

    assert keys(strict_json(merged)) == keys(whole.result)
    assert len(strict_json(merged)["targets"]) == 1
    assert len(keys(whole.result)) == 3


def test_the_same_seed_gives_the_same_result(conform: Conform) -> None:
    def ratios(seed: str) -> list[Any]:
        words = ("--property", "softmax.*agree*", "--property", "softmax.s*", "--seed", seed)
        done = run_softmax(conform, "reference", *words)
        return [(v["property"], v.get("worst_ratio"), v["cases"]) for v in done.verdicts()]

    first = ratios("3")
    assert ratios("3") == first
    assert ratios("4") != first


def test_a_baseline_excuses_known_failures(conform: Conform, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    law = ("--property", "softmax.agrees-with-reference")
    assert run_softmax(conform, PROCESS / "returns_nan.py", *law, "--json", str(file)).code == 1
    done = run_softmax(conform, PROCESS / "returns_nan.py", *law, "--baseline", str(file))
    assert done.code == 0
    assert done.verdicts()[0]["outcome"] == "excused"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_first_violation_that_gates_may_end_the_run(conform: Conform, jobs: str) -> None:
    laws = ("--property", "softmax.agrees-with-reference", "--property", "softmax.s*")
    wrong = (PROCESS / "returns_nan.py", *laws, "--jobs", jobs)
    done = run_softmax(conform, *wrong, "--fail-fast")
    assert done.code == 1
    assert done.result is not None
    assert not done.result["complete"]
    assert [v["outcome"] for v in done.verdicts()] == ["fail"]
    assert "stopped early" in done.out
    assert len(run_softmax(conform, *wrong).verdicts()) > 1
    assert run_softmax(conform, "reference", *laws, "--fail-fast").code == 0


def test_levels_gate(conform: Conform, tmp_path: Path) -> None:
    """A `should` law that fails does not gate at must, and does at should."""
    target = tmp_path / "uneven.py"
    target.write_text(
        "import torch\n\n\n"
        "def rms_norm(x, gamma, *, eps=1e-6):\n"
        "    wide = x.double()\n"
        "    root = torch.rsqrt((wide * wide).mean(-1, keepdim=True) + eps)\n"
        "    out = (wide * root * gamma.double()).to(x.dtype)\n"
        "    up = torch.nextafter(out, torch.full_like(out, torch.inf))\n"
        "    return torch.where(out > 0, up, out)  # right within a roundoff, but not odd\n"
    )
    words = ("run", "--target", str(target), "--property", "rms_norm.odd", *CHEAP)
    assert conform(*words, "--level", "must").code in (0, 3)
    assert conform(*words, "--level", "should").code == 1


def test_infinite_ratios_are_json_strings(conform: Conform) -> None:
    done = run_softmax(
        conform, PROCESS / "returns_nan.py", "--property", "softmax.agrees-with-reference"
    )
    ratio = done.verdicts()[0]["worst_ratio"]
    assert ratio == "inf" or math.isfinite(ratio)


def test_several_targets_are_checked_before_the_first_is_judged(
    conform: Conform, tmp_path: Path
) -> None:
    """Else what was judged of the first would be lost with the second."""
    good, other = tmp_path / "good.py", tmp_path / "other.py"
    good.write_text(GOOD_SOFTMAX)
    other.write_text("def gelu(x, *, approximate='none'):\n    return x\n")
    for second, told in ((other, "none of the selected operators"), ("absent.py", "no such file")):
        ended = run_softmax(conform, good, "--target", str(second))
        assert ended.code == 2
        assert told in ended.err
        assert "good:" not in ended.out


def test_nan_that_comes_in_explains_nothing(conform: Conform) -> None:
    law = "attention.hidden-nan-has-no-effect"
    done = conform("run", "--target", "torch", "--property", law, "--dtype", "bfloat16")
    (verdict,) = done.verdicts()
    assert verdict["outcome"] == "fail"  # NaN times a weight of zero, in torch as elsewhere
    assert not verdict.get("diagnosis")
