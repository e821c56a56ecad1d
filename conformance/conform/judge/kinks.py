"""Kinks: where roundoff may turn a comparison, either outcome is right.

A rectifier's slope jumps at 0. Where the samples of its argument lie within a few of their standard
deviations of 0, an implementation may stand on either side, though perhaps no sample does. There
each sample takes a side by a coin, so that their spread covers both.
"""

from __future__ import annotations

from typing import Any

import torch

DEVIATIONS = 6.0  # a normal error is farther out once in 5e8
COMPARISONS = frozenset({"gt", "ge", "lt", "le"})
SIGNS = frozenset({"sgn", "sign"})


class Kinks:
    """The uncertain comparisons of one batched evaluation; samples are the first dim."""

    def __init__(self, seed: int) -> None:
        # Deviations are multiplied by this in the end (float64, see Model.scale).
        self.scale = 1.0
        self.generator = torch.Generator().manual_seed(seed % 2**63)
        # A rectifier's backward sees its result only, so the doubt is kept until then.
        self.rectified: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def turned(self, name: str, args: Any, out: Any) -> Any:
        """What the operation gives when each sample may stand on either side of a kink."""
        if name == "relu":
            doubt = self._doubt(args[0])
            if doubt is not None:
                self.rectified[out.data_ptr()] = (out, doubt)
        elif name == "threshold_backward":
            kept = self.rectified.get(args[1].data_ptr())
            if kept is not None and kept[1].shape == out.shape[1:]:
                other = out + (args[0] - 2 * out) / self.scale
                return torch.where(kept[1] & self._coin(out), other, out)
        elif name in COMPARISONS:
            doubt = self._doubt(args[0] - args[1])
            if doubt is not None and doubt.shape == out.shape[1:]:
                return out ^ (doubt & self._coin(out))
        elif name in SIGNS:
            doubt = self._doubt(args[0])
            if doubt is not None:
                return torch.where(doubt & self._coin(out), out - 2 * out / self.scale, out)
        return out

    def _coin(self, like: torch.Tensor) -> torch.Tensor:
        return torch.rand(like.shape, generator=self.generator) < 0.5

    def _doubt(self, x: torch.Tensor) -> torch.Tensor | None:
        """Where the samples x [samples, ...] do not tell its sign; None where they all do."""
        if x.numel() == 0:
            return None
        doubt = x.mean(0).abs() < DEVIATIONS * x.std(0)
        return doubt if bool(doubt.any()) else None
