"""Pulling cotangents back by plain autograd.

`torch.func.vjp` gives the same, also inside of `torch.vmap`, but imports the compiler: seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

Tensor = torch.Tensor


def pull(
    results: Sequence[Tensor], leaves: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Gradients of sum <result, cotangent> at the leaves; zeros where none flows."""
    pairs = [(y, c) for y, c in zip(results, cotangents, strict=True) if y.requires_grad]
    if not pairs:
        return tuple(torch.zeros_like(x) for x in leaves)
    found = torch.autograd.grad(
        [y for y, _ in pairs], list(leaves), [c for _, c in pairs], allow_unused=True
    )
    return tuple(
        torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)
    )


def gradient_of(
    function: Callable[..., Any], at: Sequence[Tensor], cotangent: Tensor | None
) -> tuple[Tensor, ...]:
    """The cotangent (None: ones) of one result pulled back through `function` at some tensors."""
    leaves = [x.detach().requires_grad_() for x in at]
    with torch.enable_grad():
        out = function(*leaves)
    weight = torch.ones_like(out) if cotangent is None else cotangent.to(out.dtype)
    return pull([out], leaves, [weight])
