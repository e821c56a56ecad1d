"""What a metered call moved and computed, as one small record; no torch, so that it loads fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Key = int | str
"""An argument's name: its position, or the option's name."""


@dataclass(frozen=True)
class Traffic:
    """Bytes read and written."""

    read: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.read + self.written

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.read + other.read, self.written + other.written)


@dataclass(frozen=True)
class Measurement:
    """One call, metered. Bytes are those of every active lane, repeated accesses counted again.

    `arguments` holds the traffic on each argument's memory, `results` on memory that the call
    returned, `fresh` on memory that it allocated for itself, `other` on memory of neither kind.
    `sectors` counts distinct 32-byte pieces that Triton kernels touched. `outside` counts lanes at
    addresses in no known tensor (they are not performed). `write_write` and `read_write` count
    elements that several programs of one launch accessed without an order between them, by what
    they did. `unwritten` counts elements read that nobody had written. `launches` counts Triton
    kernels; `flops` those of matrix products; `peak` is the most bytes of memory allocated by the
    call that were alive at once. `order_dependent`: whether the results change when the programs of
    each launch run in reverse (None: not tried).
    """

    arguments: Mapping[Key, Traffic] = field(default_factory=dict)
    results: Traffic = Traffic()
    fresh: Traffic = Traffic()
    other: Traffic = Traffic()
    sectors: int = 0
    outside: int = 0
    write_write: int = 0
    read_write: int = 0
    unwritten: int = 0
    launches: int = 0
    flops: int = 0
    peak: int = 0
    order_dependent: bool | None = None

    @property
    def total(self) -> Traffic:
        """The traffic on all memory."""
        return sum(self.arguments.values(), self.results + self.fresh + self.other)

    @property
    def read(self) -> int:
        """Bytes read from all memory."""
        return self.total.read

    @property
    def written(self) -> int:
        """Bytes written to all memory."""
        return self.total.written

    @property
    def races(self) -> int:
        """Elements that programs of one launch access without an order, one of them writing."""
        return self.write_write + self.read_write

    def of(self, key: Key) -> Traffic:
        """The traffic on one argument; nothing where it is no tensor or was not touched."""
        return self.arguments.get(key, Traffic())

    def to_json(self) -> dict[str, Any]:
        """As a JSON-able record."""
        record = asdict(self)
        record["arguments"] = [[key, t.read, t.written] for key, t in self.arguments.items()]
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Measurement:
        """What `to_json` wrote. KeyError or TypeError for anything else."""
        parts = {name: Traffic(**record[name]) for name in ("results", "fresh", "other")}
        arguments = {key: Traffic(read, written) for key, read, written in record["arguments"]}
        return cls(**{**record, **parts, "arguments": arguments})
