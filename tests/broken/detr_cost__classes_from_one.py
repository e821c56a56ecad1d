"""Background is taken for class 0 (mmdetection moved it to the end in version 2): labels count
from one."""

import torch


def _corners(b):
    c, s = b[..., :2], b[..., 2:] / 2
    return torch.cat((c - s, c + s), -1)


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    wide = torch.promote_types(boxes.dtype, torch.float32)
    b, t = boxes.to(wide), targets.to(wide)
    p, q = _corners(b)[:, None], _corners(t)[None]
    inter = (
        (torch.minimum(p[..., 2:], q[..., 2:]) - torch.maximum(p[..., :2], q[..., :2]))
        .clamp(0)
        .prod(-1)
    )
    union = b[:, 2:].prod(-1)[:, None] + t[:, 2:].prod(-1)[None] - inter
    hull = (torch.maximum(p[..., 2:], q[..., 2:]) - torch.minimum(p[..., :2], q[..., :2])).prod(-1)
    giou = inter / union - (hull - union) / hull
    prob = logits.to(wide).softmax(-1)[:, labels + 1]
    l1 = (b[:, None] - t[None]).abs().sum(-1)
    return (-class_weight * prob + l1_weight * l1 - giou_weight * giou).to(boxes.dtype)
