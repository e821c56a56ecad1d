"""Swish (SiLU), forward and backward."""

from __future__ import annotations

from torch import Tensor

from conform_kernels._elementwise import elementwise

__all__ = ["swish"]


def swish(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """x / (1 + exp(-beta x)), any shape and strides; float32, bfloat16 or float16.

    Computed in float32 and rounded once. Source: Ramachandran et al. 2017, arXiv:1710.05941.
    """
    return elementwise(x, "swish", beta)
