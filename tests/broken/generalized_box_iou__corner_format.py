"""Boxes are taken for corners although they are centre and size."""

import torch

MISTAKE = "generalized_box_iou.corners-format"


def generalized_box_iou(a, b):
    low, high = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b))
    union = area_a[:, None] + area_b - both
    low, high = torch.min(a[:, None, :2], b[:, :2]), torch.max(a[:, None, 2:], b[:, 2:])
    hull = (high - low).clamp(min=0).prod(-1)
    return both / union - (hull - union) / hull
