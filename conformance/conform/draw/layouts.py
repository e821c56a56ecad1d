"""Which layout an input has: those of a case mostly share one; and each of them in turn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from conform.draw.case import Source
from conform.draw.expressions import Chooser

# Layouts by what a target takes: who takes the first takes the others, and with how many dims.
EACH = {
    "transposed": {"transposed": 2, "swapped": 3, "channels_last": 4},
    "swapped": {"swapped": 3},
    "sliced": {"sliced": 1, "pitched": 3, "cut": 3, "parted": 4},
    "misaligned": {"misaligned": 1},
}


def each_layout(taken: Sequence[str]) -> dict[str, int]:
    """Every layout of a target that takes those (but equal rows, which are other values), and how
    many dims it needs."""
    return {kind: dims for name in taken for kind, dims in EACH.get(name, {}).items()}


def in_layout(source: Source, layout: str) -> Source:
    """The input in this layout, if it has the dims for it."""
    if layout == "contiguous":
        return source
    dims = each_layout(tuple(EACH))[layout]
    if source.is_callable or len(source.shape) < dims or _of_a_norm(source, layout):
        return source
    return Source(**{**source.__dict__, "layout": layout})


def _of_a_norm(source: Source, layout: str) -> bool:
    """Nobody keeps a norm's parameters with gaps between them; PyTorch's own batch norm then reads
    others on the way back."""
    return layout == "transposed" and source.generator in ("gain", "shift")


def laid_out(source: Source, layout: str, chooser: Chooser) -> Source:
    """The layout for this input: most inputs of a case share it, a third stay contiguous."""
    if source.is_callable or not source.shape or layout == "contiguous":
        return source
    if chooser.integer(0, 2, f"layout.{source.key}") == 0:
        return source
    if layout == "expanded":
        axes = [i for i, n in enumerate(source.shape[:-1]) if n > 1]
        if not axes or not source.is_float:
            return source
        axis = axes[chooser.pick(len(axes), f"expanded.{source.key}")]
        return Source(**{**source.__dict__, "layout": f"expanded:{axis}"})
    if _of_a_norm(source, layout):
        layout = "sliced"
    if layout == "transposed" and len(source.shape) > 2:
        among = ("transposed", "swapped", "channels_last")[: 3 if len(source.shape) == 4 else 2]
        layout = among[chooser.stratum(len(among), f"swapped.{source.key}")]
    if layout == "sliced" and math.prod(source.shape[:-2]) > 1:
        among = ("sliced", "pitched", "cut", "parted")[: 4 if len(source.shape) > 3 else 3]
        layout = among[chooser.stratum(len(among), f"cut.{source.key}")]
    return Source(**{**source.__dict__, "layout": layout})
