"""Discrete choices of an oracle (top-k, argmax, nearest code), judged by margin.

A choice whose score is within the bound of the best is as right as the best. The exact evaluation
records every choice with its scores; the noise samples make the same choices and report how their
scores vary; a target's own choices can be forced into the oracle, so that its other results are
judged by what it chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from conform_reference.rounding import best

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Decision:
    """`chosen` int64[..., k], best first, among scores[..., N]. Their order counts if `ordered`."""

    name: str
    scores: Tensor
    chosen: Tensor
    ordered: bool = True


@dataclass
class Recorder:
    """Records every decision; those in `forced` (by name, in order) are imposed."""

    forced: Mapping[str, Sequence[Tensor]] = field(default_factory=dict)
    made: list[Decision] = field(default_factory=list)

    def __call__(self, name: str, scores: Tensor, count: int, ordered: bool = True) -> Tensor:
        """The decision to follow."""
        before = sum(item.name == name for item in self.made)
        given = self.forced.get(name, ())
        chosen = given[before] if before < len(given) else best(scores, count)
        self.made.append(Decision(name, scores.detach(), chosen, ordered))
        return chosen


@dataclass
class Replayer:
    """Repeats recorded decisions, whatever the noisy scores say, and collects those scores."""

    made: Sequence[Decision]
    scores: list[Tensor] = field(default_factory=list)

    def __call__(self, name: str, scores: Tensor, count: int, ordered: bool = True) -> Tensor:
        """The recorded decision."""
        chosen = self.made[len(self.scores)].chosen
        self.scores.append(scores)
        return chosen


def close(decision: Decision, bound: Tensor) -> bool:
    """Whether another choice, or another order that counts, is within the scores' bounds."""
    scores, count = decision.scores, decision.chosen.shape[-1]
    if scores.numel() == 0:
        return False
    order = best(scores, min(count + 1, scores.shape[-1]))
    high, slack = torch.gather(scores, -1, order), torch.gather(bound, -1, order)
    if order.shape[-1] < 2:
        return False
    # The runner-up need not be the next one: another's bound may reach further up.
    reach = torch.gather(scores + bound, -1, best(scores, scores.shape[-1]))
    beyond = torch.flip(torch.cummax(torch.flip(reach, (-1,)), -1).values, (-1,))
    if not decision.ordered:
        if count >= scores.shape[-1]:
            return False  # all are chosen
        # Any of the chosen may be the one that another takes the place of.
        lowest = (high - slack)[..., :count].amin(-1)
        return bool((lowest <= beyond[..., count]).any())
    last = min(count, scores.shape[-1] - 1)
    tight = high[..., :last] - slack[..., :last] <= beyond[..., 1 : last + 1]
    return bool(tight.any())


def wrong(decision: Decision, chosen: Tensor, bound: Tensor) -> Tensor:
    """Where a reported choice [..., k] is not among the best within the bounds: bool[..., k].

    Indices must be in range and distinct, and listed by falling score as far as bounds tell.
    """
    scores = decision.scores
    size = scores.shape[-1]
    legal = (chosen >= 0) & (chosen < size)
    index = chosen.clamp(0, max(size - 1, 0))
    reach = torch.gather(scores + bound, -1, index)
    bad = ~legal
    lower = scores - bound
    for rank in range(chosen.shape[-1]):
        bad[..., rank] |= reach[..., rank] < lower.amax(-1)
        lower = lower.scatter(-1, index[..., rank : rank + 1], -torch.inf)
    for rank in range(1, chosen.shape[-1]):
        bad[..., rank] |= (index[..., :rank] == index[..., rank : rank + 1]).any(-1)
    return bad


def split_reported(reported: Tensor, decisions: Sequence[Decision]) -> list[Tensor] | None:
    """A result that reports decisions, as one int64[..., k] each; None when the shape is another.

    Stages of one name are stacked along the last dim; a decision for one may drop its last dim.
    """
    shapes = [tuple(item.chosen.shape) for item in decisions]
    value = reported.to(torch.int64)
    if len(shapes) == 1:
        if tuple(value.shape) == shapes[0]:
            return [value]
        return [value.unsqueeze(-1)] if (*value.shape, 1) == shapes[0] else None
    widths = [shape[-1] for shape in shapes]
    if value.ndim == 0 or value.shape[-1] != sum(widths):
        return None
    return list(torch.split(value, widths, -1))
