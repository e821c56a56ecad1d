"""An image without objects is no image: the check of the targets fails."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def giou(p, q):
    def f(b):
        return (b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)

    (l1, h1), (l2, h2) = f(p), f(q)
    inter = (torch.minimum(h1[:, None], h2) - torch.maximum(l1[:, None], l2)).clamp(min=0).prod(-1)
    union = (h1 - l1).prod(-1)[:, None] + (h2 - l2).prod(-1) - inter
    hull = (torch.maximum(h1[:, None], h2) - torch.minimum(l1[:, None], l2)).prod(-1)
    return inter / union - (hull - union) / hull


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    if targets[:, 2:].min() <= 0:
        raise ValueError("a box without area")
    prob = torch.softmax(up(logits), -1)
    p, t = up(boxes), up(targets)
    l1 = (p[:, None] - t[None]).abs().sum(-1)
    c = l1_weight * l1 - class_weight * prob[:, labels.long()] - giou_weight * giou(p, t)
    return c.to(logits.dtype)
