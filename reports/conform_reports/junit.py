"""JUnit XML for CI systems: a suite per target, a case per law and dtype."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from conform.failure_text import failure_lines
from conform.records import Outcome, PropertyInfo, RunResult, TargetResult, Verdict
from conform.wording import LOOKS, is_gating, printable
from conform_reports.view import infos


def write(result: RunResult, path: Path) -> None:
    """Write `result` to `path` as JUnit XML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tree = ET.ElementTree(build(result))
    ET.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def build(result: RunResult) -> ET.Element:
    """The `testsuites` element.

    Violated gating laws are failures (`error`, `crash`, `timeout` and gating `incomplete`: errors).
    What does not gate, and what was not judged, is skipped with its reason: never a silent pass.
    """
    root = ET.Element("testsuites", name="conform", time=f"{result.seconds:.3f}")
    known = infos(result)
    for target in result.targets:
        root.append(_suite(result, target, known))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    return root


def _suite(result: RunResult, target: TargetResult, known: dict[str, PropertyInfo]) -> ET.Element:
    suite = ET.Element("testsuite", name=_xml(target.name))
    properties = ET.SubElement(suite, "properties")
    facts = {**result.environment, "seed": result.seed, "profile": result.profile}
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=_xml(str(name)), value=_xml(str(value)))
    if not result.complete:
        broken = ET.SubElement(suite, "testcase", classname=_xml(target.name), name="run completed")
        ET.SubElement(broken, "error", type="interrupted", message="the run was stopped early")
    for verdict in target.verdicts:
        suite.append(_case(result, target.name, verdict, known[verdict.property]))
    suite.set("tests", str(len(suite.findall("testcase"))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{sum(verdict.seconds for verdict in target.verdicts):.3f}")
    return suite


def _case(result: RunResult, target: str, verdict: Verdict, info: PropertyInfo) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=_xml(f"{target}.{verdict.operator}"),
        name=_xml(f"{verdict.property}[{verdict.dtype}-{verdict.device}]"),
        time=f"{verdict.seconds:.3f}",
    )
    if verdict.outcome is Outcome.PASS:
        return case
    gating = is_gating(verdict, result)
    tag = _tag(verdict.outcome) if gating else "skipped"
    kind = str(verdict.outcome) if gating else f"{verdict.outcome} ({verdict.level}, does not gate)"
    node = ET.SubElement(case, tag, type=kind, message=_xml(_message(verdict, kind)))
    if verdict.outcome.violated:
        node.text = _xml("\n".join(failure_lines(target, verdict, info, result.level)))
    return case


def _tag(outcome: Outcome) -> str:
    if outcome is Outcome.FAIL:
        return "failure"
    if outcome.violated or outcome is Outcome.INCOMPLETE:
        return "error"
    return "skipped"


def _message(verdict: Verdict, kind: str) -> str:
    found = verdict.counterexample
    detail = (found.message if found is not None else "") or verdict.reason
    return f"{kind}: {detail or LOOKS[verdict.outcome].meaning}"


def _xml(text: str) -> str:
    """`text` with only the characters that XML 1.0 can hold."""
    return "".join("\ufffd" if char in "\ufffe\uffff" else char for char in printable(text))
