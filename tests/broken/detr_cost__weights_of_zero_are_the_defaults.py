"""`weight or default`: a weight of 0 switches nothing off (falsy defaults of configuration
files).
"""

import torch


def _corners(t):
    return torch.cat([t[:, :2] - t[:, 2:] / 2, t[:, :2] + t[:, 2:] / 2], 1)


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    class_weight, l1_weight = class_weight or 1.0, l1_weight or 5.0
    giou_weight = giou_weight or 2.0
    dtype = logits.dtype
    wide = torch.promote_types(dtype, torch.float32)
    logits, a, b = (t.to(wide) for t in (logits, boxes, targets))
    cost = -class_weight * logits.softmax(-1)[:, labels.long()]
    cost = cost + l1_weight * (a[:, None] - b[None]).abs().sum(-1)
    p, q = _corners(a)[:, None], _corners(b)[None]
    inter = torch.minimum(p[..., 2:], q[..., 2:]) - torch.maximum(p[..., :2], q[..., :2])
    inter = inter.clamp(min=0).prod(-1)
    union = a[:, 2:].prod(-1)[:, None] + b[:, 2:].prod(-1) - inter
    hull = (torch.maximum(p[..., 2:], q[..., 2:]) - torch.minimum(p[..., :2], q[..., :2])).prod(-1)
    return (cost - giou_weight * (inter / union - (hull - union) / hull)).to(dtype)
