"""A contiguous tensor as a 1-D tensor of unit stride."""

from __future__ import annotations

import torch


def flat(tensor: torch.Tensor) -> torch.Tensor:
    """The elements of a contiguous tensor in order, sharing its memory.

    Dims of size 1 may have any stride in a contiguous tensor, and `reshape(-1)` keeps it; then
    neither another dtype's view nor a copy byte by byte is possible.
    """
    return tensor.as_strided((tensor.numel(),), (1,))
