"""A small constant keeps the union from zero, and is all of it for tiny boxes."""

import torch


def generalized_box_iou(a, b):
    wide = torch.promote_types(a.dtype, torch.float32)
    a, b = a.to(wide)[:, None], b.to(wide)[None]
    low_a, high_a = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    low_b, high_b = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    inter = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - inter + 1e-7
    hull = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).prod(-1) + 1e-7
    return inter / union - (hull - union) / hull
