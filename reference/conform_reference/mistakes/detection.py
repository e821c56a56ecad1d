"""Mistakes in comparing boxes, matching them to objects, and scoring segmentations."""

import torch
from torch import Tensor

from conform_reference import vision as right


def _corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2


def _giou(a: Tensor, b: Tensor, kind: str) -> Tensor:
    (low_a, high_a), (low_b, high_b) = (
        ((x[:, :2], x[:, 2:]) if kind == "corners" else _corners(x)) for x in (a, b)
    )
    low_a, high_a = low_a.unsqueeze(1), high_a.unsqueeze(1)
    more = 0.125 if kind == "inclusive" else 0.0

    def area(low: Tensor, high: Tensor) -> Tensor:
        sides = high - low + more
        return (sides if kind == "unclamped" else sides.clamp(min=0)).prod(-1)

    both = area(torch.maximum(low_a, low_b), torch.minimum(high_a, high_b))
    union = area(low_a, high_a) + area(low_b, high_b) - both
    if kind == "first":
        union = area(low_a, high_a).expand(union.shape)
    hull = area(torch.minimum(low_a, low_b), torch.maximum(high_a, high_b))
    return both / union if kind == "plain" else both / union - (hull - union) / hull


def plain_iou(a: Tensor, b: Tensor) -> Tensor:
    """Disjoint boxes score zero, however far apart."""
    return _giou(a, b, "plain")


def giou_of_corners(a: Tensor, b: Tensor) -> Tensor:
    """Centre and size are read as two corners."""
    return _giou(a, b, "corners")


def giou_unclamped(a: Tensor, b: Tensor) -> Tensor:
    """Two negative sides make a positive overlap."""
    return _giou(a, b, "unclamped")


def giou_first_area(a: Tensor, b: Tensor) -> Tensor:
    """The overlap is taken as a part of the first box."""
    return _giou(a, b, "first")


def giou_inclusive(a: Tensor, b: Tensor) -> Tensor:
    """Every side is an eighth longer."""
    return _giou(a, b, "inclusive")


def cost_softmax_over_queries(
    logits: Tensor, boxes: Tensor, labels: Tensor, targets: Tensor, *,
    class_weight: float = 1.0, l1_weight: float = 5.0, giou_weight: float = 2.0,
) -> Tensor:  # fmt: skip
    """Probabilities are normalised over predictions instead of classes."""
    rest = right.detr_cost(
        logits, boxes, labels, targets, class_weight=0.0, l1_weight=l1_weight,
        giou_weight=giou_weight,
    )  # fmt: skip
    return rest - class_weight * torch.softmax(logits, 0)[:, labels]


def greedy_matching(cost: Tensor) -> Tensor:
    """Each object in turn takes the cheapest prediction that is left."""
    right.detr_match_cost(cost)
    total, left = cost.new_zeros(()), list(range(cost.shape[0]))
    for column in cost.T:
        best = min(left, key=lambda n: float(column[n]))
        left.remove(best)
        total = total + column[best]
    return total


def matching_either_way(cost: Tensor) -> Tensor:
    """A cost of more objects than predictions is matched the other way round."""
    return right.detr_match_cost(cost if cost.shape[0] >= cost.shape[1] else cost.T)


def frequency_weighted_iou(confusion: Tensor) -> Tensor:
    """Classes weigh as often as they occur."""
    counts = confusion.double()
    hits, truth = counts.diagonal(), counts.sum(1)
    return (hits / (counts.sum(0) + truth - hits) * truth / counts.sum()).sum()
