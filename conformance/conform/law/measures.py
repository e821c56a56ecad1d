"""The measures of the law language: what a call moved, computed and held in memory, as numbers.

`hbm_bytes(op(...))` calls the target once, metered, and reads off a number; other measures of the
same call read off the same metering. Nothing is metered on the oracle, so comparisons of measures
are exact and are never asked of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conform.law.grammar import LawError

if TYPE_CHECKING:
    from conform.law.evaluate import Evaluator
    from conform.measure.record import Measurement


@dataclass(frozen=True, eq=False)
class Metered:
    """A metered call: what the meter says, and the call's arguments by position or name."""

    measured: Measurement
    arguments: Mapping[int | str, Any]


def _metered(self: Evaluator, node: ast.Call, kind: str = "measured") -> Metered:
    name = node.func.id if isinstance(node.func, ast.Name) else "it"
    if not node.args:
        raise LawError(f"{name} takes a call of an operator", column=node.col_offset)
    found = self.caller.observed_call(kind, lambda: self.value(node.args[0]))
    if not isinstance(found, Metered):
        raise LawError(
            f"{name} takes a call of an operator, evaluated right there", column=node.col_offset
        )
    return found


def _number(read: Callable[[Measurement], int]) -> Callable[[Evaluator, ast.Call], Any]:
    return lambda self, node: read(_metered(self, node).measured)


def _of_argument(which: str) -> Callable[[Evaluator, ast.Call], Any]:
    def form(self: Evaluator, node: ast.Call) -> int:
        if len(node.args) != 2:
            raise LawError(
                f"{which}_of takes a call and one of its arguments: a drawn input, a position or "
                "the name of an option",
                column=node.col_offset,
            )
        metered, wanted = _metered(self, node), self.value(node.args[1])
        if isinstance(wanted, str) or (isinstance(wanted, int) and not isinstance(wanted, bool)):
            key: int | str = wanted
        else:
            own = [key for key, x in metered.arguments.items() if x is wanted]
            if not own:
                raise LawError(
                    f"{which}_of: the second is no argument of the call", column=node.col_offset
                )
            key = own[0]
        if key not in metered.arguments and key != "cotangent":
            raise LawError(f"{which}_of: the call has no argument {key!r}", column=node.col_offset)
        traffic = metered.measured.of(key)
        return traffic.read if which == "read" else traffic.written

    return form


def _flops(self: Evaluator, node: ast.Call) -> int:
    return _metered(self, node, "flops").measured.flops


def _backward(self: Evaluator, node: ast.Call) -> Any:
    if len(node.args) != 1:
        raise LawError("backward takes a call of an operator", column=node.col_offset)
    return self.caller.pulled_back(lambda: self.value(node.args[0]))


def _order_dependent(self: Evaluator, node: ast.Call) -> bool:
    return bool(_metered(self, node, "order").measured.order_dependent)


FORMS: dict[str, Callable[[Any, ast.Call], Any]] = {
    "hbm_bytes": _number(lambda m: m.read + m.written),
    "hbm_read": _number(lambda m: m.read),
    "hbm_written": _number(lambda m: m.written),
    "read_of": _of_argument("read"),
    "written_of": _of_argument("written"),
    "fresh_bytes": _number(lambda m: m.fresh.total),
    "result_bytes": _number(lambda m: m.results.total),
    "sectors": _number(lambda m: m.sectors),
    "races": _number(lambda m: m.races),
    "outside": _number(lambda m: m.outside),
    "unwritten_reads": _number(lambda m: m.unwritten),
    "launches": _number(lambda m: m.launches),
    "flops": _flops,
    "peak_bytes": _number(lambda m: m.peak),
    "order_dependent": _order_dependent,
    "backward": _backward,
}
