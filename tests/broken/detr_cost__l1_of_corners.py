"""The L1 distance is taken between corners, not between centres and sizes."""

import torch


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    wide = torch.promote_types(logits.dtype, torch.float32)
    p = torch.softmax(logits.to(wide), -1)[:, labels]
    a, b = boxes.to(wide), targets.to(wide)
    la, ha, lb, hb = (
        a[:, :2] - a[:, 2:] / 2,
        a[:, :2] + a[:, 2:] / 2,
        b[:, :2] - b[:, 2:] / 2,
        b[:, :2] + b[:, 2:] / 2,
    )
    both = (torch.minimum(ha[:, None], hb) - torch.maximum(la[:, None], lb)).clamp(min=0).prod(-1)
    union = (ha - la).prod(-1)[:, None] + (hb - lb).prod(-1) - both
    hull = (torch.maximum(ha[:, None], hb) - torch.minimum(la[:, None], lb)).prod(-1)
    giou = both / union - (hull - union) / hull
    l1 = (torch.cat((la, ha), 1)[:, None] - torch.cat((lb, hb), 1)).abs().sum(-1)
    return (l1_weight * l1 - class_weight * p - giou_weight * giou).to(logits.dtype)
