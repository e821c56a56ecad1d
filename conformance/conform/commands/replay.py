"""`conform replay`: one recorded case, run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from conform.draw.case import Case, Source, from_json
from conform.errors import ConformError
from conform.records import ExitCode
from conform.run.constraints import constraints_of
from conform.run.counterexample import NOT_ALONE, after_words, case_in_words, failure_of
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.preflight import signatures
from conform.run.profiles import PROFILES
from conform.run.session import Asked, Session
from conform.spec.book import Book, Property, built_in
from conform.target.ref import TargetRef, parse_target
from conform.work.client import WorkerClient
from conform.work.protocol import CallReply, CallRequest

DECIDED = {Kind.HELD, Kind.FAILED}


@dataclass(frozen=True)
class Recorded:
    """A case file, read and checked.

    `after` is what has to be asked before, where the failure hangs on it; `alone` is false where
    the case held in a process of its own when it was recorded.
    """

    law: Property
    case: Case
    dtype: str
    device: str
    target: str
    seed: int
    versions: dict[str, Any]
    after: Asked | None = None
    alone: bool = True


class Recorder:
    """A client that remembers every call made through it."""

    def __init__(self, client: WorkerClient) -> None:
        self.client = client
        self.made: list[tuple[CallRequest, CallReply]] = []

    def call(self, request: CallRequest, timeout: float | None = None) -> CallReply:
        """The client's reply."""
        reply = self.client.call(request, timeout)
        self.made.append((request, reply))
        return reply


@dataclass(frozen=True)
class Replayed:
    """A law run once more on a recorded case, with the calls that it made."""

    recorded: Recorded
    ref: TargetRef
    session: Session
    trial: Trial
    calls: tuple[tuple[CallRequest, CallReply], ...]


def replay_command(
    file: Path, target: str = "", snippet: bool = False, timeout: float = 30.0
) -> int:
    """Run the case of `file`; 0 when the law holds now, 1 when it fails, 3 when undecided.

    Raises ConformError for a missing file, another format, an unknown property, or a target that
    cannot be loaded or does not claim what the case needs.
    """
    if timeout <= 0:
        raise ConformError("wrong-number", f"timeout={timeout}: it must be positive")
    recorded = read_case_file(file, built_in())
    torch.set_num_threads(1)
    with replayed(recorded, built_in(), target, timeout) as found:
        if snippet:
            from conform.commands.snippet import write_snippet

            print(write_snippet(found))
            return int(ExitCode.CONFORMS)
        return _report(found)


def read_case_file(file: Path, book: Book) -> Recorded:
    """The recorded case; ConformError when the file is missing or says something else."""
    try:
        content = failure_of(json.loads(file.read_text(encoding="utf-8")))
        case = from_json(content["case"])
        text, dtype = str(content["target"]), str(content["dtype"])
        identifier, device = str(content["property"]), str(content["device"])
        after = _after(content["after"], book) if "after" in content else None
    except FileNotFoundError:
        raise ConformError(
            "case-file-missing",
            f"there is no file {file}",
            hint="`conform run --out DIR` writes one for each failure, under DIR/cases",
        ) from None
    except IsADirectoryError:
        raise ConformError(
            "case-file-missing", f"{file} is a folder", hint="name a file in it"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConformError(
            "not-a-case-file",
            f"no recorded failure: {error}",
            where=str(file),
            hint="give a file that `conform run --out DIR` wrote",
        ) from None
    return Recorded(
        book.property(identifier),
        case,
        dtype,
        device,
        text,
        int(content.get("seed", 0)),
        dict(content.get("versions", {})),
        after,
        bool(content.get("alone", True)),
    )


def _after(content: Mapping[str, Any], book: Book) -> Asked:
    """What the recorded case comes after."""
    case = from_json(content["case"])
    return Asked(book.property(str(content["property"])), case, str(content["dtype"]))


@contextmanager
def replayed(recorded: Recorded, book: Book, target: str, timeout: float) -> Iterator[Replayed]:
    """The law on the recorded case through a worker; `target` replaces the recorded one."""
    ref = parse_target(target or recorded.target)
    device = None if target else recorded.device
    with WorkerClient(ref, operators=signatures(book), device=device, timeout=timeout) as client:
        about = client.describe()
        recorder = Recorder(client)
        session = Session(
            about.name,
            recorder,
            about.operators,
            book,
            PROFILES["quick"],
            recorded.seed,
            about.device,
            timeout,
            promises=about.promises,
            interprets=about.interprets,
        )
        _check_claimed(session, recorded)
        if recorded.after is not None:
            first = recorded.after
            try_law(session, session.levelled(first.law), first.case, first.dtype)
        trial = try_law(session, session.levelled(recorded.law), recorded.case, recorded.dtype)
        yield Replayed(recorded, ref, session, trial, tuple(recorder.made))


def _check_claimed(session: Session, recorded: Recorded) -> None:
    """Another target may not take the case; then it must not be asked an easier one."""
    name = recorded.law.operator
    claim = session.claims.get(name)
    if claim is None:
        raise ConformError(
            "unclaimed-operator",
            f"{session.name} has no operator {name!r}",
            hint=f"it has: {', '.join(sorted(session.claims))}",
        )
    spec = session.book.operator(name).spec
    for option, value in recorded.case.options.items():
        base = claim.fixed.get(option, spec.options[option].default)
        if option not in claim.options and (isinstance(value, Source) or value != base):
            raise ConformError(
                "unclaimed-option",
                f"{session.name} does not claim {name}'s option {option!r}, which the case sets",
            )
    if not constraints_of(session.book.operator(name), claim).accept(recorded.case):
        raise ConformError("case-not-claimed", f"{session.name}'s `requires` excludes the case")


def _report(found: Replayed) -> int:
    recorded, trial = found.recorded, found.trial
    law = recorded.law
    print(f"{law.id} on {found.session.name}, {recorded.dtype}, {found.session.device}")
    print(f"  {law.spec.statement}")
    for line in case_in_words(recorded.case, recorded.dtype, law.kind):
        print(f"  {line}")
    if recorded.after is not None:
        print("\n".join(f"  {line}" for line in after_words(recorded.after)))
    _note_versions(recorded)
    if trial.kind is Kind.HELD and not recorded.alone:
        print(f"not decided: the law holds here, but the failure was {NOT_ALONE}; run it whole")
        return int(ExitCode.INCOMPLETE)
    if trial.kind is Kind.HELD:
        print("fixed: the law holds on this case")
        return int(ExitCode.CONFORMS)
    if trial.kind is Kind.FAILED:
        outcome = "" if str(trial.outcome) == "fail" else f" ({trial.outcome})"
        print(f"still fails{outcome}: {trial.message}")
        return int(ExitCode.VIOLATED)
    print(f"not decided ({trial.kind.value}): {trial.message}")
    return int(ExitCode.INCOMPLETE)


def _note_versions(recorded: Recorded) -> None:
    then = recorded.versions.get("torch")
    if then and then != torch.__version__:
        print(f"  note: recorded with torch {then}, this is {torch.__version__}")
