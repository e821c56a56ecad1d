"""The machine-readable writers, the JSON round trip and the Markdown summary."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import samples

from conform.errors import ConformError
from conform.reading import read_result, result_from_json
from conform_reports import html, junit, markdown, sarif

MIXED = samples.run(samples.passing_target(), samples.mykernel())


@pytest.mark.parametrize("result", [MIXED, samples.nasty_run(), samples.run(complete=False)])
def test_json_round_trip(result: samples.RunResult) -> None:
    written = json.dumps(result.as_json(), allow_nan=False)
    again = result_from_json(json.loads(written))
    assert json.dumps(again.as_json(), allow_nan=False) == written
    assert html.render(again) == html.render(result)


def test_other_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text('{"schema": "conform-result/0"}', encoding="utf-8")
    with pytest.raises(ConformError, match="conform-result/0") as caught:
        read_result(path)
    assert caught.value.slug == "not-a-result"


def test_read_result_of_a_written_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(MIXED.as_json()), encoding="utf-8")
    assert read_result(path).exit_code() == MIXED.exit_code()


def test_junit_counts_and_kinds(tmp_path: Path) -> None:
    path = tmp_path / "run.xml"
    junit.write(MIXED, path)
    root = ET.parse(path).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("25", "2", "4")
    assert root.get("skipped") == "3"
    kinds = {node.get("type") for node in root.iter("skipped")}
    assert kinds == {
        "unsupported",
        "fail (should, does not gate)",
        "excused (should, does not gate)",
    }
    failure = next(root.iter("failure"))
    assert "conform replay" in (failure.text or "")


def test_junit_of_hostile_text_parses(tmp_path: Path) -> None:
    path = tmp_path / "nasty.xml"
    junit.write(samples.nasty_run(), path)
    root = ET.parse(path).getroot()
    assert "<script>alert" in (next(root.iter("failure")).get("message") or "")


def test_junit_of_an_interrupted_run_is_not_green() -> None:
    root = junit.build(samples.run(samples.passing_target(), complete=False))
    assert root.get("errors") == "1"


def test_sarif_has_the_fields_that_readers_need(tmp_path: Path) -> None:
    path = tmp_path / "run.sarif"
    sarif.write(MIXED, path)
    log = json.loads(path.read_text(encoding="utf-8"))
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0"
    assert run["invocations"][0]["exitCode"] == 1
    assert len(run["results"]) == 7
    for found in run["results"]:
        assert rules[found["ruleIndex"]] == found["ruleId"]
        assert (found["kind"] == "fail") == (found["level"] != "none")
        place = found["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place == {"uri": "kernels/mykernel.py"}
    assert {found["kind"] for found in run["results"]} == {"fail", "open"}
    prints = {found["partialFingerprints"]["conform/v1"] for found in run["results"]}
    assert len(prints) == 7


def test_markdown_cannot_be_broken_out_of() -> None:
    text = markdown.render(samples.nasty_run())
    outside = [part for n, part in enumerate(text.split("```")) if n % 2 == 0]
    assert not any("<script>" in part for part in outside)
    assert "\x1b" not in text


def test_markdown_says_what_is_wrong_first() -> None:
    text = markdown.render(MIXED)
    assert text.startswith("## 1 of 2 targets conforms; mykernel does not conform.\n")
    assert "| rope | ✓ 6 | ✗ 1 ‼ 1 ◷ 1 ≈ 1 |" in text
    assert text.index("attention.scale-by-dim") < text.index("### Matrix")
    assert "Not claimed by mykernel: 2" in text
