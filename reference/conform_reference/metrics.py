"""Scores of benchmarks."""

import torch
from torch import Tensor


def exact_match_percent(predicted: Tensor, expected: Tensor) -> Tensor:
    """Per cent of answers that agree in every token: int[N,L] (or int[N] choices) -> scalar.

    float64. Raises ValueError for shapes that differ or no answers at all.
    """
    if predicted.shape != expected.shape or predicted.dim() < 1 or not predicted.shape[0]:
        raise ValueError(
            f"predicted.shape={tuple(predicted.shape)}, expected.shape={tuple(expected.shape)}: "
            f"expected the same [N, L] with at least one answer; pad answers alike"
        )
    same = (predicted == expected).flatten(1) if predicted.dim() > 1 else predicted == expected
    right = same.all(-1) if predicted.dim() > 1 else same
    return 100 * right.to(torch.float64).sum() / predicted.shape[0]
