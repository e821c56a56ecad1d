"""Gradients of what all sequences share, added up sequence by sequence in half precision.

Where weights are used once for each sequence of a batch (a loop, sequences of other lengths, calls
of which each takes one), autograd rounds what comes back from each and every sum of it to the dtype
of the weights. That is legal, and more than one rounding at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from conform.draw.fill import DTYPES
from conform.judge.decisions import Decision
from conform.judge.model import rounded_on_scaled_grid
from conform.run.oracle import Oracle
from conform.spec.models import OperatorSpec

Tensor = torch.Tensor
BATCH = "B"
SEQUENCES = 64
MOST = 2**25  # elements of the gradients of all sequences
GOLDEN = 0.6180339887


def shared(spec: OperatorSpec, slot: int | str) -> bool:
    """Whether all sequences share an input; options that hold tensors count as shared."""
    if not spec.batch or any((r.shape or "?")[0] != BATCH for r in spec.results):
        return False
    if isinstance(slot, str):
        return slot not in spec.inputs
    return (list(spec.inputs.values())[slot].shape or "?")[0] != BATCH


def few(gradient: Tensor, cotangents: Sequence[Tensor]) -> bool:
    """Whether there are several sequences, and not too many to ask for the gradient of each."""
    counts = {len(c) for c in cotangents if c.dim()}
    count = counts.pop() if len(counts) == 1 else 0
    return 1 < count <= SEQUENCES and count * gradient.numel() <= MOST


def by_sequence(
    oracle: Oracle,
    args: tuple[object, ...],
    options: dict[str, object],
    dtype: str,
    wrt: tuple[int | str, ...],
    cotangents: Sequence[Tensor],
    decisions: Sequence[Decision],
) -> list[tuple[Tensor, ...]]:
    """The exact gradients by the cotangents of each sequence alone; they add up to the whole."""
    parts = []
    for row in range(cotangents[0].shape[0]):
        own = [torch.zeros_like(c) for c in cotangents]
        for alone, whole in zip(own, cotangents, strict=True):
            alone[row] = whole[row]
        truth = oracle.gradient_truth(args, options, dtype, 0, wrt, tuple(own), decisions)
        parts.append(tuple(truth.exact.outputs))
    return parts


def added_up(samples: Tensor, parts: Sequence[Tensor], dtype: str) -> Tensor:
    """`samples` [N, ...] of the sum of `parts`, off by what adding them up in `dtype` loses."""
    exact = torch.stack(tuple(parts)).sum(0)
    widened = torch.empty_like(samples)
    for i, sample in enumerate(samples):  # one by one: weights are large
        steps = 0

        def rounded(x: Tensor, own: float = i / len(samples)) -> Tensor:
            nonlocal steps
            steps += 1
            c = x.new_tensor(1.0 + (own + GOLDEN * steps) % 1.0)
            return rounded_on_scaled_grid(x, c, DTYPES[dtype])

        total = rounded(parts[0])
        for part in parts[1:]:
            total = rounded(total + rounded(part))
        widened[i] = sample + (total - exact)
    return widened
