"""The committed table of what each kernel takes, and what counts as worse than it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "_aot_table.json"
UPDATE = "python -m conform_kernels._aot --update"
MORE_SHARED = 1.1


@dataclass(frozen=True)
class Row:
    """One kernel compiled for one architecture; `_aot_measure.Resources` has the units.

    failure: why it does not compile, in the compiler's words; unsupported: why it need not.
    """

    kernel: str
    architecture: str
    configuration: str
    registers: int = 0
    spills: int = 0
    shared: int = 0
    failure: str = ""
    unsupported: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What a row is looked up by."""
        return (self.architecture, self.kernel)


@dataclass(frozen=True)
class Table:
    """Rows, and the versions of the compilers that they come from."""

    made_with: Mapping[str, str]
    rows: tuple[Row, ...]


def read_table(path: Path = TABLE) -> Table:
    """The table; raises FileNotFoundError where it was never made."""
    record = json.loads(path.read_text())
    return Table(record["made_with"], tuple(Row(**row) for row in record["rows"]))


def write_table(table: Table, path: Path = TABLE) -> None:
    """One line a row, in order, so that changes are read as such; empty fields are left out."""
    rows = sorted(table.rows, key=lambda row: (row.kernel, row.architecture))
    lines = []
    for row in rows:
        given = {name: value for name, value in asdict(row).items() if value != ""}
        lines.append("  " + json.dumps(given))
    made = json.dumps(dict(table.made_with))
    text = '{\n "made_with": ' + made + ',\n "rows": [\n' + ",\n".join(lines) + "\n ]\n}\n"
    path.write_text(text)


def problems(table: Table, found: Table, limits: Mapping[str, int]) -> tuple[str, ...]:
    """What is worse in `found` than in the table, or differs in kind; nothing: the gate is passed.

    limits: bytes of shared memory a block can have, by architecture. Spills and shared memory are
    compared only where the compilers are those that the table was made with.
    """
    known = {row.key: row for row in table.rows}
    alike = dict(table.made_with) == dict(found.made_with)
    said = [
        f"{row.architecture} {row.kernel}: {words}"
        for row in found.rows
        for words in _row_problems(row, known.get(row.key), limits, alike)
    ]
    present = {row.key for row in found.rows}
    said += [
        f"{row.architecture} {row.kernel}: in the table, but no longer built"
        for row in table.rows
        if row.key not in present
    ]
    return tuple(said)


def _row_problems(
    row: Row, known: Row | None, limits: Mapping[str, int], alike: bool
) -> Iterator[str]:
    limit = limits[row.architecture]
    fits = not row.failure and row.shared <= limit
    if row.unsupported:
        if fits:
            yield f"compiles now, so that it cannot be unsupported ({row.unsupported})"
    elif row.failure:
        yield f"does not compile: {row.failure}"
    elif not fits:
        yield f"shared memory {row.shared} bytes; {row.architecture} has {limit} a block"
    if known is None:
        yield "not in the table"
    elif (known.configuration, known.unsupported) != (row.configuration, row.unsupported):
        yield f"the table has {_kind(known)}, this is {_kind(row)}"
    elif alike and fits:
        yield from _grown(row, known)


def _kind(row: Row) -> str:
    return row.configuration + (f", unsupported: {row.unsupported}" if row.unsupported else "")


def _grown(row: Row, known: Row) -> Iterable[str]:
    if row.spills > known.spills:
        unit = "bytes" if row.architecture.startswith("sm_") else "registers"
        yield f"spills {row.spills} {unit}, the table has {known.spills}"
    if row.shared > known.shared * MORE_SHARED:
        yield f"shared memory {row.shared} bytes, the table has {known.shared}"
