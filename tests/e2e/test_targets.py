"""Every wrong target is refuted, no correct one is: the figures that govern the checker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
NAMED_AT_LEAST = 40

pytestmark = pytest.mark.slow


@dataclass
class Tally:
    """What became of the targets of this session."""

    refuted: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    misnamed: dict[str, str] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    def words(self) -> str:
        """The summary, a line a fact."""
        count = len(self.refuted) + len(self.missed)
        lines = [
            f"broken: {len(self.refuted)} of {count} refuted, {len(self.named)} named correctly",
            f"correct: {len(self.held)} of {len(self.held) + len(self.alarms)} without an alarm",
        ]
        lines += [f"missed: {name}" for name in self.missed]
        lines += [f"false alarm: {name}" for name in self.alarms]
        lines += [f"not named: {name}: {what}" for name, what in self.misnamed.items()]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with Zygote(threads=1) as preloaded:
        yield preloaded
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    made = Tally()
    yield made
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line("")
        reporter.write_line(made.words())


def declared(path: Path) -> str | None:
    """The file's MISTAKE or CONVENTION."""
    found = re.search(r'^(?:MISTAKE|CONVENTION) = "([^"]+)"', path.read_text(), re.MULTILINE)
    return found.group(1) if found else None


def run(path: Path, profile: str, zygote: Zygote, operators: tuple[str, ...] = ()) -> RunResult:
    """The target's run; a broken one's ends with its first violated law."""
    request = Request((str(path),), PROFILES[profile], operators, timeout=20.0)
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
    return any(name == wanted or name.endswith("." + wanted) or wanted in name for name in found)


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
def test_a_broken_target_is_refuted(path: Path, zygote: Zygote, tally: Tally) -> None:
    operator = path.stem.split("__")[0]
    result = run(path, "quick", zygote, (operator,))
    wanted = declared(path)
    if not violated(result):
        result = run(path, "default", zygote, (operator,))
    refuted = bool(violated(result))
    (tally.refuted if refuted else tally.missed).append(path.stem)
    found = names_of(violated(result))
    if wanted is not None and refuted:
        if fits(found, wanted):
            tally.named.append(path.stem)
        else:
            tally.misnamed[path.stem] = f"wanted {wanted}, found {sorted(found)}"
    assert refuted, result.summary()
    for verdict in violated(result):
        assert verdict.counterexample is not None
        assert verdict.counterexample.message


@pytest.mark.parametrize("path", CORRECT, ids=lambda p: p.stem)
def test_a_correct_target_is_not_refuted(path: Path, zygote: Zygote, tally: Tally) -> None:
    result = run(path, "default", zygote)
    wrong = violated(result)
    (tally.alarms if wrong else tally.held).append(path.stem)
    told = [
        f"{v.property} {v.dtype} {v.outcome}: "
        f"{v.counterexample.message[:200] if v.counterexample else v.reason}"
        for v in wrong
    ]
    assert told == []
    assert sum(v.cases for t in result.targets for v in t.verdicts) > 0


def test_enough_mistakes_are_named(request: pytest.FixtureRequest, tally: Tally) -> None:
    """Judged over the whole set: runs last."""
    asked = [item for item in request.session.items if "test_a_broken_target" in item.name]
    if len(asked) < len(BROKEN):
        pytest.skip("only with every broken target in the same run")
    assert len(tally.named) >= NAMED_AT_LEAST, tally.words()


def test_there_are_enough_targets() -> None:
    assert len(BROKEN) >= 60
    assert len(CORRECT) >= 25
    operators = built_in().operators
    assert [p.stem for p in BROKEN if p.stem.split("__")[0] not in operators] == []
    known = {f"{name}.{m.id}" for name, o in operators.items() for m in o.spec.mistakes}
    wanted = [name for path in BROKEN if (name := declared(path)) and "=" not in name]
    assert len(set(wanted) & known) >= NAMED_AT_LEAST, sorted(set(wanted) - known)
