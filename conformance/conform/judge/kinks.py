"""Kinks: where roundoff may turn a comparison, either outcome is right.

A rectifier's slope jumps at 0. Where the samples of its argument lie within a few of their standard
deviations of 0, an implementation may stand on either side, though perhaps no sample does. There
each sample takes a side by a coin, so that their spread covers both.

At exactly 0 (weights of zeros) an implementation has one slope everywhere, be it 0, 1 or what lies
between: `relu(x)`, `clamp(x, min=0)` and `maximum(x, 0)` differ. There one coin serves all elements
of a sample, lest a sum over many hides that they go together. Likewise a maximum's slope among
equal values: shared out (`amax`), or all at one place (`max`, pooling), the same in every row.
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
        self.rectified: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}
        # A maximum's backward asks where its argument is equal to it.
        self.maxima: dict[int, torch.Tensor] = {}

    def turned(self, name: str, args: Any, out: Any) -> Any:
        """What the operation gives when each sample may stand on either side of a kink."""
        if name == "relu":
            doubt, zero = self._doubt(args[0]), (args[0] == 0).all(0)
            if doubt is not None or bool(zero.any()):
                near = torch.zeros_like(zero) if doubt is None else doubt
                self.rectified[out.data_ptr()] = (out, near, zero)
        elif name == "threshold_backward":
            kept = self.rectified.get(args[1].data_ptr())
            if kept is not None and kept[1].shape == out.shape[1:]:
                other = out + (args[0] - 2 * out) / self.scale
                turned = kept[1] & self._coin(out) | kept[2] & self._one_coin(out)
                return torch.where(turned, other, out)
        elif name == "amax":
            self.maxima[out.data_ptr()] = out
        elif name == "eq":
            for x in args[:2]:
                known = isinstance(x, torch.Tensor) and x.data_ptr() in self.maxima
                if known and x.ndim == out.ndim:
                    return self._one_of(out, x.shape)
        elif name in COMPARISONS:
            doubt = self._doubt(args[0] - args[1])
            if doubt is not None and doubt.shape == out.shape[1:]:
                return out ^ (doubt & self._coin(out))
        elif name in SIGNS:
            doubt = self._doubt(args[0])
            if doubt is not None:
                return torch.where(doubt & self._coin(out), out - 2 * out / self.scale, out)
        return out

    def _one_of(self, places: torch.Tensor, reduced: torch.Size) -> torch.Tensor:
        """Some samples keep one of the largest values: the first in an order of their own."""
        size = [n if m == 1 else 1 for n, m in zip(places.shape, reduced, strict=True)]
        order = torch.rand(places.shape[0], *size[1:], generator=self.generator)
        order = torch.where(places, order, -1.0)
        over = [i for i, n in enumerate(reduced) if i and n == 1]
        if not over or not places.numel():
            return places
        return places & (~self._one_coin(places) | (order == order.amax(over, keepdim=True)))

    def _coin(self, like: torch.Tensor) -> torch.Tensor:
        return torch.rand(like.shape, generator=self.generator) < 0.5

    def _one_coin(self, like: torch.Tensor) -> torch.Tensor:
        """One throw a sample."""
        return self._coin(like[:, *[slice(1)] * (like.ndim - 1)])

    def _doubt(self, x: torch.Tensor) -> torch.Tensor | None:
        """Where the samples x [samples, ...] do not tell its sign; None where they all do."""
        if x.numel() == 0:
            return None
        doubt = x.mean(0).abs() < DEVIATIONS * x.std(0)
        return doubt if bool(doubt.any()) else None
