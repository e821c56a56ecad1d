"""Discrete decisions of a call: forgiven within roundoff, and forced into the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from conform.judge.criterion import Residual, spread
from conform.judge.decisions import Decision, close, split_reported, wrong
from conform.run.oracle import Truth
from conform.spec.models import ResultSpec

Tensor = torch.Tensor
Again = Callable[[Mapping[str, Sequence[Tensor]]], Truth]
_ARITHMETIC = 2.0**-44
_FLUSHED = 2.0**-126  # scores below the normal range may be flushed to zero


@dataclass(frozen=True)
class Settled:
    """What to judge the results by. `open`: a choice that nothing reports is too close to tell;
    `close`: some choice is; `residual`: of a reported choice that is wrong."""

    truth: Truth
    open: bool = False
    close: bool = False
    residual: Residual | None = None


def settle(
    specs: Sequence[ResultSpec],
    truth: Truth,
    results: Sequence[Any],
    scale: float,
    again: Again,
) -> Settled:
    """Look at the oracle's decisions, and at those that the results report."""
    decisions = truth.exact.decisions
    if not decisions:
        return Settled(truth)
    tight = [close(d, b) for d, b in zip(decisions, _bounds(truth, scale), strict=True)]
    reported = {
        spec.decision: value
        for spec, value in zip(specs, results, strict=True)
        if spec.decision and isinstance(value, Tensor)
    }
    if any(t and d.name not in reported for t, d in zip(tight, decisions, strict=True)):
        return Settled(truth, open=True, close=True)
    forced = {name: _stages(name, value, decisions) for name, value in reported.items()}
    known = {name: stages for name, stages in forced.items() if stages is not None}
    if _as_chosen(decisions, known):
        return Settled(truth, close=any(tight))
    other = again({name: _in_range(stages, name, decisions) for name, stages in known.items()})
    residual = _judge(other, known, scale)
    return Settled(other, close=True, residual=residual)


def is_open(truth: Truth, scale: float) -> bool:
    """Whether any decision is too close to tell (for gradients, where nothing reports it)."""
    pairs = zip(truth.exact.decisions, _bounds(truth, scale), strict=True)
    return any(close(d, b) for d, b in pairs)


def _bounds(truth: Truth, scale: float) -> list[Tensor]:
    decisions = truth.exact.decisions
    if not decisions:
        return []
    noisy = truth.draw()[-len(decisions) :]
    return [
        spread(s, d.scores, scale) + torch.nan_to_num(d.scores).abs() * _ARITHMETIC + _FLUSHED
        for s, d in zip(noisy, decisions, strict=True)
    ]


def _named(name: str, decisions: Sequence[Decision]) -> list[Decision]:
    return [d for d in decisions if d.name == name]


def _stages(name: str, value: Tensor, decisions: Sequence[Decision]) -> list[Tensor] | None:
    own = _named(name, decisions)
    return split_reported(value, own) if own else None


def _as_chosen(decisions: Sequence[Decision], known: Mapping[str, Sequence[Tensor]]) -> bool:
    return all(
        torch.equal(d.chosen, stage)
        for name, stages in known.items()
        for d, stage in zip(_named(name, decisions), stages, strict=True)
    )


def _in_range(stages: Sequence[Tensor], name: str, decisions: Sequence[Decision]) -> list[Tensor]:
    own = _named(name, decisions)
    return [s.clamp(0, d.scores.shape[-1] - 1) for s, d in zip(stages, own, strict=True)]


def _judge(truth: Truth, known: Mapping[str, Sequence[Tensor]], scale: float) -> Residual | None:
    bounds = _bounds(truth, scale)
    seen = dict.fromkeys(known, 0)
    for decision, bound in zip(truth.exact.decisions, bounds, strict=True):
        if decision.name not in known:
            continue
        stage = known[decision.name][seen[decision.name]]
        seen[decision.name] += 1
        bad = wrong(decision, stage, bound)
        if bool(bad.any()):
            place = tuple(int(i) for i in bad.nonzero()[0])
            right = torch.argsort(decision.scores, -1, descending=True)[place]
            return Residual(
                float("inf"), 0.0, place, float(right), float(stage[place]), 0.0,
                bad.numel(), bad.numel(),
            )  # fmt: skip
    return None
