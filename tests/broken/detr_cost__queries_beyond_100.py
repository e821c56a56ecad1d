"""Boxes are compared for the hundred queries that DETR has; further ones get the last's overlap."""

import torch


def corners(boxes):
    centre, size = boxes[:, :2], boxes[:, 2:]
    return centre - size / 2, centre + size / 2


def overlap(a, b):
    (la, ha), (lb, hb) = corners(a), corners(b)
    area = lambda low, high: (high - low).clamp(min=0).prod(-1)  # noqa: E731
    both = area(torch.maximum(la[:, None], lb), torch.minimum(ha[:, None], hb))
    hull = area(torch.minimum(la[:, None], lb), torch.maximum(ha[:, None], hb))
    union = area(la, ha)[:, None] + area(lb, hb) - both
    return both / union - (hull - union) / hull


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    wide = torch.promote_types(logits.dtype, torch.float32)
    named = torch.softmax(logits.to(wide), -1)[:, labels]
    first, second = boxes.to(wide), targets.to(wide)
    distance = (first[:, None] - second).abs().sum(-1)
    index = torch.arange(len(first)).clamp(max=99)
    common = overlap(first, second)[index]
    return (l1_weight * distance - class_weight * named - giou_weight * common).to(logits.dtype)
