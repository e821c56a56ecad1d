"""Gradients of a call, also through checkpoints that know only `backward`."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Tensor = torch.Tensor


def pulled_back(
    outputs: Sequence[Tensor],
    leaves: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    *,
    keep: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradient to each leaf, None where nothing flows; `keep` leaves the graph in place."""
    if not _reentrant(outputs):
        gradients = torch.autograd.grad(
            outputs, leaves, cotangents, retain_graph=keep, allow_unused=True
        )
        return tuple(_dense(gradient) for gradient in gradients)
    for leaf in leaves:
        leaf.grad = None
    torch.autograd.backward(outputs, cotangents, retain_graph=keep)
    found = tuple(_dense(leaf.grad) for leaf in leaves)
    for leaf in leaves:
        leaf.grad = None
    return found


def _dense(gradient: Tensor | None) -> Tensor | None:
    """Tables of embeddings may learn by a sparse gradient, which says the same as a full one."""
    if gradient is None or gradient.layout == torch.strided:
        return gradient
    return gradient.to_dense()


def _reentrant(outputs: Sequence[Tensor]) -> bool:
    """Whether a checkpoint of the older kind is on the way back: it refuses `autograd.grad`."""
    seen, left = set(), [y.grad_fn for y in outputs]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        if node.name().startswith("CheckpointFunction"):
            return True
        seen.add(node)
        left += [other for other, _ in node.next_functions]
    return False
