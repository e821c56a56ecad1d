"""Which layout an input has: those of a case mostly share one."""

from __future__ import annotations

import math

from conform.draw.case import Source
from conform.draw.expressions import Chooser


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
    if layout == "transposed" and source.generator in ("gain", "shift"):
        # Nobody keeps a norm's parameters with gaps between them; PyTorch's own batch norm then
        # reads others on the way back.
        layout = "sliced"
    if layout == "transposed" and len(source.shape) > 2:
        among = ("transposed", "swapped", "channels_last")[: 3 if len(source.shape) == 4 else 2]
        layout = among[chooser.stratum(len(among), f"swapped.{source.key}")]
    if layout == "sliced" and math.prod(source.shape[:-2]) > 1:
        among = ("sliced", "pitched", "cut", "parted")[: 4 if len(source.shape) > 3 else 3]
        layout = among[chooser.stratum(len(among), f"cut.{source.key}")]
    return Source(**{**source.__dict__, "layout": layout})
