"""Boxes and matching by library calls: cdist, scipy's assignment; eager in the input's dtype."""

import torch
from scipy.optimize import linear_sum_assignment

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def generalized_box_iou(a, b):
    a, b = (torch.cat((x[:, :2] - x[:, 2:] / 2, x[:, :2] + x[:, 2:] / 2), 1) for x in (a, b))
    area_a, area_b = ((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b))
    low, high = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    union = area_a[:, None] + area_b - both
    low, high = torch.min(a[:, None, :2], b[:, :2]), torch.max(a[:, None, 2:], b[:, 2:])
    hull = (high - low).clamp(min=0).prod(-1)
    return both / union - (hull - union) / hull


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    wide = torch.promote_types(logits.dtype, torch.float32)
    dtype, (logits, boxes, targets) = logits.dtype, (x.to(wide) for x in (logits, boxes, targets))
    named = logits.softmax(-1)[:, labels]
    distance = torch.cdist(boxes, targets, p=1)
    cost = l1_weight * distance - class_weight * named
    return (cost - giou_weight * generalized_box_iou(boxes, targets)).to(dtype)


def detr_match_cost(cost):
    if cost.shape[1] > cost.shape[0]:
        raise ValueError("more objects than predictions")
    rows, columns = linear_sum_assignment(cost.detach().double().numpy())
    picked = cost[torch.from_numpy(rows), torch.from_numpy(columns)]
    wide = torch.promote_types(cost.dtype, torch.float32)
    return picked.to(wide).sum().to(cost.dtype)


def sam_masks(embedding, tokens):
    b, c, h, w = embedding.shape
    masks = tokens.flatten(1, 2) @ embedding.reshape(b, c, h * w)
    return masks.reshape(*tokens.shape[:3], h, w)


def mean_iou(confusion):
    hits = torch.diagonal(confusion).float()
    return (hits / (confusion.sum(0) + confusion.sum(1) - hits)).mean()
