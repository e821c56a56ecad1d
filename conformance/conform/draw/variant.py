"""What narrows the drawing of cases, and what a law changes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conform.draw.case import Case

# What a target takes (`strides`, contracts.md) as layouts to draw; half of transposed is swapped,
# or a third with the channels last where there are four dims; half of sliced is cut where there are
# several matrices.
LAYOUTS = {
    "any": ("contiguous", "transposed", "sliced", "misaligned", "expanded"),
    "last_contiguous": ("contiguous", "sliced", "misaligned", "swapped"),
    "contiguous": ("contiguous", "misaligned"),
}


@dataclass(frozen=True)
class Constraints:
    """What narrows the drawing for one target (or one law).

    `limit` maps a dim or option name and a drawn value to an allowed one; `accept` decides on the
    finished case; `equal` names dims that take another's value; `options` are the claimed ones;
    `fixed` are values that are always so.
    """

    options: frozenset[str] | None = None
    fixed: dict[str, Any] = field(default_factory=dict)
    limit: Callable[[str, Any], Any] = lambda name, value: value
    accept: Callable[[Case], bool] = lambda case: True
    layouts: tuple[str, ...] = LAYOUTS["any"]
    equal: dict[str, str] = field(default_factory=dict)
    wrt: tuple[str, ...] = ("all", "first", "all", "rest", "one")


@dataclass(frozen=True)
class Variant:
    """Changes that a law makes to the drawn cases; `sized` when it is about sizes of its own,
    `plain` when memory is contiguous and many options that it leaves free stay at their defaults,
    but for a flag; in the memory `layout` that it names, if any (`A|B`: in turn); with other
    `leads` (LEADS); with the tensors named in `zeros` all zero; with the option `zero_option` set
    to the number 0; with `long` sums, which half precision may round on the way."""

    dims: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    regimes: tuple[str, ...] | None = None
    values: str | None = None
    sized: bool = False
    plain: bool = False
    layout: str = ""
    leads: str = ""
    zeros: tuple[str, ...] = ()
    zero_option: str = ""
    long: bool = False


@dataclass(frozen=True)
class Drawn:
    """A case and the choices behind it, from which its variants follow."""

    case: Case
    choices: dict[str, int]


PLAIN = Variant()
ANY = Constraints()
