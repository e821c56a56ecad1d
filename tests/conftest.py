"""For every test: without a GPU, Triton interprets, which has to be said before it is imported.

At the end: how many wrong targets were refuted and named, how many correct ones raised no alarm.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")

BROKEN = Path(__file__).parent / "broken"
NOTICED = BROKEN / "noticed.json"
NAMED_AT_LEAST = 0.5  # of the wrong targets that say which mistake they make
ENOUGH = 100  # fewer wrong targets in a run say little about the share


def _recorded(reporter: Any) -> list[tuple[str, dict[str, Any]]]:
    reports = [r for state in ("passed", "failed") for r in reporter.stats.get(state, [])]
    pairs = [(r.nodeid, dict(r.user_properties)) for r in reports if r.when == "call"]
    return [(name, found) for name, found in pairs if found]


def _named(recorded: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {name: found["named"] for name, found in recorded if "named" in found}


def _keep_noticed(recorded: list[tuple[str, dict[str, Any]]]) -> None:
    """The law that noticed each wrong target, for the next run to ask first."""
    found = dict(found["noticed"] for _, found in recorded if "noticed" in found)
    if os.environ.get("NOTICED") == "write" and found:
        before = json.loads(NOTICED.read_text())
        kept = {key: law for key, law in before.items() if (BROKEN / f"{key}.py").exists()}
        lines = json.dumps({**kept, **found}, indent=0, sort_keys=True)
        NOTICED.write_text(lines + "\n")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    recorded = _recorded(terminalreporter)
    broken = Counter(found["broken"] for _, found in recorded if "broken" in found)
    correct = Counter(found["correct"] for _, found in recorded if "correct" in found)
    named = _named(recorded)
    _keep_noticed(recorded)
    if broken:
        terminalreporter.write_line(
            f"wrong targets: {broken['quick']} refuted by quick, {broken['default']} by default, "
            f"{broken['missed']} missed; "
            f"{sum(x is True for x in named.values())} of {len(named)} named correctly"
        )
        for name, words in sorted(named.items()):
            if words is not True:
                terminalreporter.write_line(f"  not named: {name.split('[')[-1][:-1]}: {words}")
    if correct:
        terminalreporter.write_line(
            f"correct targets: {correct[True]} without an alarm, {correct[False]} with one"
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Names are judged over the whole set, which no single test (or worker) sees."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    named = _named(_recorded(reporter))
    share = sum(x is True for x in named.values()) / max(len(named), 1)
    if len(named) >= ENOUGH and share < NAMED_AT_LEAST and session.exitstatus == 0:
        reporter.write_line(f"only {share:.0%} of the wrong targets' mistakes are named")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
