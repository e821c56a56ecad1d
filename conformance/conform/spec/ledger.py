"""The ledger of the decks' claims, and which of them the properties check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conform.errors import ConformError
from conform.nearest import nearest
from conform.spec.book import Book, Property

try:
    _Loader: Any = yaml.CSafeLoader
except AttributeError:  # libyaml is optional in PyYAML
    _Loader = yaml.SafeLoader


class Source(BaseModel):
    """Where a deck says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deck: str
    heading: str


class Claim(BaseModel):
    """One claim of a deck; `correction` says what the slide gets wrong, `excluded` why no property
    checks it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^(CMU|PEFT|MIT)-[0-9]{3}$")]
    topic: str
    term: str
    kind: str
    statement: Annotated[str, Field(min_length=8)]
    formula: str = ""
    source: tuple[Source, ...]
    correction: str = ""
    excluded: str = ""


@dataclass(frozen=True)
class Entry:
    """A claim with the ids of the properties that name it; `ran` are those that passed."""

    claim: Claim
    properties: tuple[str, ...]
    ran: tuple[str, ...]

    @property
    def state(self) -> str:
        """checked | excluded | not run | missing."""
        if self.ran:
            return "checked"
        if self.properties:
            return "not run"
        return "excluded" if self.claim.excluded else "missing"


@dataclass(frozen=True)
class Coverage:
    """All claims, and what is wrong with the ledger or with the properties' claims."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...] = field(default=())

    def count(self, state: str) -> int:
        """How many claims are in a state."""
        return sum(entry.state == state for entry in self.entries)

    @property
    def complete(self) -> bool:
        """Every claim is checked or excluded, and nothing is at fault."""
        settled = self.count("checked") + self.count("excluded")
        return settled == len(self.entries) and not self.faults


@lru_cache(maxsize=1)
def ledger() -> tuple[Claim, ...]:
    """The built-in ledger, in the order of its files."""
    root = Path(str(files("conform_spec"))) / "ledger"
    claims = tuple(claim for path in sorted(root.glob("*.yaml")) for claim in read_ledger(path))
    seen: dict[str, Claim] = {}
    for claim in claims:
        if claim.id in seen:
            raise ConformError("ledger", f"the claim {claim.id} is listed twice")
        seen[claim.id] = claim
    return claims


def read_ledger(path: Path) -> tuple[Claim, ...]:
    """The claims of one file; ConformError with the place of the first fault."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        items = raw["claims"]
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise ConformError("ledger", f"{path}: no readable ledger: {error}") from None
    found = []
    for number, item in enumerate(items):
        try:
            found.append(Claim.model_validate(item))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            name = item.get("id", f"entry {number}") if isinstance(item, dict) else number
            raise ConformError("ledger", f"{path}: {name}: {place}: {first['msg']}") from None
    return tuple(found)


def cover(
    book: Book, claims: Iterable[Claim], passed: Mapping[str, bool] | None = None
) -> Coverage:
    """Join the claims with the properties. `passed`: by property id, whether it ran and held;
    None when nothing was run, then naming a claim counts."""
    claims = tuple(claims)
    known = {claim.id for claim in claims}
    naming: dict[str, list[str]] = {}
    faults: list[str] = []
    for law in book.properties:
        faults += _faults(law, known)
        for name in law.spec.claims:
            naming.setdefault(name, []).append(law.id)
    entries = []
    for claim in claims:
        ids = tuple(naming.get(claim.id, ()))
        if ids and claim.excluded:
            faults.append(f"{claim.id} is excluded, yet {ids[0]} names it")
        ran = ids if passed is None else tuple(name for name in ids if passed.get(name))
        entries.append(Entry(claim, ids, ran))
    return Coverage(tuple(entries), tuple(faults))


def _faults(law: Property, known: set[str]) -> list[str]:
    found = [
        f"{law.id} names the claim {name}, which no deck makes{nearest(name, known)}"
        for name in law.spec.claims
        if name not in known
    ]
    if law.kind == "law" and not (law.spec.claims or law.spec.rationale):
        found.append(f"{law.id} has neither a claim nor a rationale of its own")
    return found
