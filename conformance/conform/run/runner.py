"""Running the plan: properties x dtypes for each target, as a stream of events."""

from __future__ import annotations

import fnmatch
import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import conform
from conform.draw.case import Case, derive_seed
from conform.errors import ConformError
from conform.events import (
    Listener,
    Note,
    PropertyStarted,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetStarted,
    VerdictReached,
)  # fmt: skip
from conform.nearest import nearest
from conform.records import Level, PropertyInfo, RunResult, TargetResult, Verdict
from conform.run.preflight import (
    asked_of,
    dtypes_of,
    idle_conventions,
    signatures,
    try_conditions,
)
from conform.run.profiles import Profile
from conform.run.session import Session
from conform.run.verify import verify
from conform.spec.book import Book, Property
from conform.target.claims import OperatorClaim

DTYPES = ("float64", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, names already checked by `selection`."""

    targets: tuple[str, ...]
    profile: Profile
    operators: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    level: Level = Level.MUST
    dtypes: tuple[str, ...] = ()
    device: str = ""
    seed: int = 0
    timeout: float = 30.0
    shard: tuple[int, int] = (1, 1)
    out: Path | None = None
    command: str = ""
    resume: dict[tuple[str, str, str], Verdict] = field(default_factory=dict)
    part: tuple[int, int] = (1, 1)  # of the shard, for the processes of one run


def dealt(costs: Mapping[str, float], part: tuple[int, int]) -> list[str]:
    """The names that fall to part (index, count): dearest first, each to the lightest so far."""
    index, count = part
    loads = [0.0] * count
    own: list[str] = []
    for name in sorted(costs, key=lambda n: (-costs[n], n)):
        lightest = loads.index(min(loads))
        loads[lightest] += costs[name]
        if lightest == index - 1:
            own.append(name)
    return own


def selection(book: Book, request: Request) -> list[Property]:
    """The properties asked for; ConformError when a name is unknown or nothing is left."""
    for name in request.operators:
        book.operator(name)
    chosen = [
        p for p in book.properties if not request.operators or p.operator in request.operators
    ]
    if request.properties:
        for glob in request.properties:
            if not any(fnmatch.fnmatchcase(p.id, glob) for p in book.properties):
                raise ConformError(
                    "unknown-property",
                    f"no property matches {glob!r}{nearest(glob, [p.id for p in book.properties])}",
                    hint="`conform list --properties` shows all ids",
                )
        chosen = [
            p for p in chosen if any(fnmatch.fnmatchcase(p.id, g) for g in request.properties)
        ]
    chosen = [p for p in chosen if p.spec.level.rank <= max(request.level.rank, Level.SHOULD.rank)]
    if not chosen:
        raise ConformError(
            "nothing-selected",
            "no property is selected",
            hint="drop --operator or --property, or list them with `conform list`",
        )
    return chosen


class Runner:
    """Runs a request and emits events to the listeners."""

    def __init__(
        self, request: Request, book: Book, listeners: Sequence[Listener], zygote: Any = None
    ) -> None:
        self.zygote = zygote
        self.request = request
        self.book = book
        self.listeners = listeners
        self.current: Path | None = None
        if request.out is not None:
            (request.out / "cases").mkdir(parents=True, exist_ok=True)
            self.current = request.out / "current-case.json"

    def emit(self, event: Any) -> None:
        """Tell every listener."""
        for listener in self.listeners:
            listener(event)

    def run(self) -> RunResult:
        """All targets in order. A keyboard interrupt keeps what was done and marks the result."""
        started = time.monotonic()
        chosen = selection(self.book, self.request)
        self.emit(RunStarted(self.request.targets, self.request.seed, self.request.profile.name))
        results: list[TargetResult] = []
        complete = True
        for text in self.request.targets:
            verdicts: list[Verdict] = []
            state: dict[str, Any] = {"name": text, "operators": ()}
            try:
                results.append(self._target(text, chosen, verdicts, state))
            except KeyboardInterrupt:
                complete = False
                results.append(
                    TargetResult(state["name"], text, tuple(state["operators"]), tuple(verdicts))
                )
                break
        result = RunResult(
            self._environment(),
            self.request.seed,
            self.request.profile.name,
            self.request.level,
            complete,
            tuple(results),
            property_infos(self.book, chosen),
            time.monotonic() - started,
            self.request.command,
        )
        self.emit(RunFinished(result))
        return result

    def _target(
        self, text: str, chosen: list[Property], verdicts: list[Verdict], state: dict[str, Any]
    ) -> TargetResult:
        from conform.target.ref import parse_target
        from conform.work.client import WorkerClient

        started = time.monotonic()
        with WorkerClient(
            parse_target(text),
            operators=signatures(self.book),
            device=self.request.device or None,
            timeout=self.request.timeout,
            zygote=self.zygote,
        ) as client:
            description = client.describe()
            claims = description.operators
            asked = asked_of(description, chosen)
            dtypes = dtypes_of(description, self.request.dtypes)
            session = Session(
                description.name,
                client,
                claims,
                self.book,
                self.request.profile,
                self.request.seed,
                description.device,
                self.request.timeout,
            )
            session.before_case = self._remember(session)
            session.renew = client.renew
            session.promises = description.promises
            session.interprets = description.interprets
            session.dtypes = dtypes
            plan = self._sharded(
                [
                    (session.levelled(item[0]), item[1])
                    for item in _plan(
                        asked,
                        dtypes,
                        self.book,
                        self.request.profile,
                        lambda name: session.oracle(name).compute == "float32",
                    )
                    if session.asked(item[0])
                ]
            )
            names = tuple(dict.fromkeys(law.operator for law, _ in plan))
            for name in names:
                try_conditions(self.book.operator(name), claims[name])
            state.update(name=description.name, operators=names)
            self.emit(TargetStarted(description.name, names, len(plan)))
            for idle in idle_conventions(self.book, claims, names):
                self.emit(Note(description.name, idle))
            for law, dtype in plan:
                self.emit(PropertyStarted(description.name, law.id, dtype))
                done = self.request.resume.get((description.name, law.id, dtype))
                verdict = done or self._saved(session, text, verify(session, law, dtype))
                verdicts.append(verdict)
                self.emit(VerdictReached(description.name, verdict))
            if getattr(client, "restarts", 0):
                self.emit(
                    Note(description.name, f"the worker was restarted {client.restarts} times")
                )
        self.emit(TargetFinished(description.name, time.monotonic() - started))
        missing = tuple(sorted(set(self.book.operators) - set(claims)))
        declared = {name: _declared(claim) for name, claim in claims.items()}
        return TargetResult(description.name, text, names, tuple(verdicts), declared, missing)

    def _sharded(self, plan: list[tuple[Property, str]]) -> list[tuple[Property, str]]:
        """Whole operators go to a shard, and within it to a process: cases are drawn once."""
        own = set(dealt(self._costs(plan), self.request.shard))
        plan = [item for item in plan if item[0].operator in own]
        own = set(dealt(self._costs(plan), self.request.part))
        return [item for item in plan if item[0].operator in own]

    def _costs(self, plan: list[tuple[Property, str]]) -> dict[str, float]:
        """A rough measure of each operator's work: verdicts, weighed by the size of its inputs."""
        costs: dict[str, float] = {}
        for law, _ in plan:
            inputs = self.book.operators[law.operator].spec.inputs.values()
            size = 1 + sum(len(item.shape or ()) for item in inputs)
            costs[law.operator] = costs.get(law.operator, 0.0) + size
        return costs

    def _remember(self, session: Session) -> Any:
        if self.current is None:
            return lambda law, case, dtype: None
        path = self.current

        def write(law: Property, case: Case, dtype: str) -> None:
            path.write_text(
                json.dumps(
                    {
                        "target": session.name,
                        "property": law.id,
                        "dtype": dtype,
                        "case": case.as_json(),
                    }
                )
            )

        return write

    def _saved(self, session: Session, text: str, verdict: Verdict) -> Verdict:
        """Write the case file of a failure and put its replay command into the verdict."""
        example = verdict.counterexample
        if example is None:
            return verdict
        content = {
            **example.case,
            "target": text,
            "seed": self.request.seed,
            "versions": self._environment(),
        }
        replay = ""
        if self.request.out is not None:
            name = f"{session.name}-{verdict.property}-{verdict.dtype}.json".replace("/", "_")
            path = self.request.out / "cases" / name
            path.write_text(json.dumps(content, indent=1))
            replay = f"conform replay {path}"
        return replace(verdict, counterexample=replace(example, case=content, replay=replay))

    def _environment(self) -> dict[str, Any]:
        return {
            "conform": conform.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "device": self.request.device or "cpu",
            "threads": torch.get_num_threads(),
            "system": platform.system(),
        }


def property_infos(book: Book, chosen: Iterable[Property]) -> tuple[PropertyInfo, ...]:
    """What reports tell of the properties."""
    return tuple(
        PropertyInfo(
            p.id,
            p.operator,
            str(p.spec.level),
            p.spec.statement,
            p.spec.law,
            p.spec.claims,
            p.spec.source or book.operators[p.operator].spec.source,
            p.spec.note,
            book.operators[p.operator].spec.domain,
        )
        for p in chosen
    )


def _declared(claim: OperatorClaim) -> dict[str, Any]:
    return {k: v for k, v in claim.to_json().items() if v not in (None, [], {}, ())}


def _plan(
    laws: Iterable[Property],
    dtypes: Sequence[str],
    book: Book,
    profile: Profile,
    narrow: Callable[[str], bool] = lambda operator: False,
) -> Iterable[tuple[Property, str]]:
    """Verdicts to be reached. `narrow` tells operators that compute in float32 whatever the input.

    Agreement and gradients are asked in every dtype; the other laws in some, which hang on the
    law's name: they are the same whichever laws are chosen, and whatever laws are added.
    """
    for law in laws:
        # Tables and masks have no input dtype; their floats are judged as float32.
        own: Sequence[str] = dtypes if book.operators[law.operator].floating else ("float32",)
        own = [d for d in own if law.spec.dtypes is None or d in law.spec.dtypes]
        if law.kind == "law" and narrow(law.operator) and len(own) > 1:
            own = [d for d in own if d != "float64"]
        if law.kind == "law" and len(own) > profile.law_dtypes:
            first = derive_seed(law.id)
            if law.measures:
                first = 0  # one dtype for all: they share the metered calls
            if law.spec.half is not None:
                preferred = ("bfloat16", "float16") if law.spec.half else ("float32",)
                first, own = 0, sorted(own, key=lambda d: d not in preferred)
            own = [own[(first + i) % len(own)] for i in range(profile.law_dtypes)]
        for dtype in own:
            yield law, dtype
