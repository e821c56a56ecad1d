"""Every wrong target is refuted, no correct one is: the figures that govern the checker."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conform.events import Event, VerdictReached
from conform.records import Level, RunResult, Verdict
from conform.run.profiles import PROFILES
from conform.run.runner import Request, Runner
from conform.spec.book import built_in
from conform.work.zygote import Zygote

TESTS = Path(__file__).parents[1]
BROKEN = sorted((TESTS / "broken").glob("*.py"))
BROKEN += sorted((TESTS / "broken" / "kernels").glob("*__*.py"))
CORRECT = sorted((TESTS / "correct").glob("*.py"))

# More cases of the correct targets than there is time for every day: PROFILE=default.
PROFILE = os.environ.get("PROFILE", "quick")

# Which law noticed each wrong target last: it is asked first, all others only where it no longer
# does. NOTICED=write keeps what a run finds.
NOTICED: dict[str, str] = json.loads((TESTS / "broken" / "noticed.json").read_text())
LAWS = {law.id for law in built_in().properties}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with Zygote(threads=1) as preloaded:
        yield preloaded
    torch.set_num_threads(before)


def key(path: Path) -> str:
    return path.relative_to(TESTS / "broken").with_suffix("").as_posix()


def declared(path: Path) -> str | None:
    """The file's MISTAKE or CONVENTION."""
    found = re.search(r'^(?:MISTAKE|CONVENTION) = "([^"]+)"', path.read_text(), re.MULTILINE)
    return found.group(1) if found else None


def run(
    path: Path,
    profile: str,
    zygote: Zygote,
    operators: tuple[str, ...] = (),
    laws: tuple[str, ...] = (),
) -> RunResult:
    """The target's run; a broken one's ends with its first violated law."""
    asked = PROFILES[profile]
    if operators:  # shrinking is tested elsewhere
        asked = replace(asked, shrink_seconds=0.3)
    request = Request((str(path),), asked, operators, laws, timeout=20.0)
    listeners = (stop_at_a_violation,) if operators else ()
    return Runner(request, built_in(), listeners, zygote=zygote).run()


def stop_at_a_violation(event: Event) -> None:
    if (
        isinstance(event, VerdictReached)
        and event.verdict.outcome.violated
        and event.verdict.level is Level.MUST
    ):
        raise KeyboardInterrupt  # keeps what was done


def violated(result: RunResult) -> list[Verdict]:
    return [
        v
        for t in result.targets
        for v in t.verdicts
        if v.outcome.violated and v.level is Level.MUST
    ]


def names_of(verdicts: list[Verdict]) -> set[str]:
    return {d.mistake for v in verdicts for d in v.diagnosis}


def fits(found: set[str], wanted: str) -> bool:
    """A convention may be reported with its operator before it."""
    return any(wanted in name.replace(" ", "") for name in found)


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
def test_a_broken_target_is_refuted(
    path: Path, zygote: Zygote, record_property: Callable[[str, object], None]
) -> None:
    """What is recorded is summed up at the end of the session, see conftest.py."""
    operator = path.stem.split("__")[0]
    noticed = NOTICED.get(key(path))
    tries = [("quick", (noticed,))] if noticed in LAWS else []
    for profile, laws in (*tries, ("quick", ()), ("default", ())):
        result = run(path, profile, zygote, (operator,), laws)
        refuted = bool(violated(result))
        if refuted:
            record_property("noticed", (key(path), violated(result)[0].property))
            break
    wanted = declared(path)
    found = names_of(violated(result))
    record_property("broken", profile if refuted else "missed")
    if wanted is not None:
        record_property("named", fits(found, wanted) or f"{wanted}, found {sorted(found)}")
    assert refuted, result.summary()
    for verdict in violated(result):
        assert verdict.counterexample is not None
        assert verdict.counterexample.message


@pytest.mark.parametrize("path", CORRECT, ids=lambda p: p.stem)
def test_a_correct_target_is_not_refuted(
    path: Path, zygote: Zygote, record_property: Callable[[str, object], None]
) -> None:
    result = run(path, PROFILE, zygote)
    wrong = violated(result)
    record_property("correct", not wrong)
    told = [
        f"{v.property} {v.dtype} {v.outcome}: "
        f"{v.counterexample.message[:200] if v.counterexample else v.reason}"
        for v in wrong
    ]
    assert told == []
    assert sum(v.cases for t in result.targets for v in t.verdicts) > 0


def test_what_is_asked_first_is_there() -> None:
    """A law that was renamed, or a target that is gone, is taken out with NOTICED=write."""
    assert sorted(set(NOTICED) - {key(path) for path in BROKEN}) == []
    assert sorted(set(NOTICED.values()) - LAWS) == []


def test_there_are_enough_targets() -> None:
    assert len(BROKEN) >= 150
    assert len(CORRECT) >= 60
    operators = built_in().operators
    assert [p.stem for p in BROKEN if p.stem.split("__")[0] not in operators] == []
    known = {f"{name}.{m.id}" for name, o in operators.items() for m in o.spec.mistakes}
    wanted = [name for path in BROKEN if (name := declared(path)) and "=" not in name]
    assert sorted(set(wanted) - known) == []
