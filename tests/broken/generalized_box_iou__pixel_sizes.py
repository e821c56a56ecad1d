"""Sizes count one pixel more than the difference of the corners, as for integer pixels."""

import torch


def generalized_box_iou(a, b):
    wide = torch.promote_types(a.dtype, torch.float32)

    def corners(x):
        x = x.to(wide)
        return x[:, :2] - x[:, 2:] / 2, x[:, :2] + x[:, 2:] / 2

    def area(low, high):
        return (high - low + 1).clamp(min=0).prod(-1)

    (la, ha), (lb, hb) = corners(a), corners(b)
    both = area(torch.maximum(la[:, None], lb), torch.minimum(ha[:, None], hb))
    union = area(la, ha)[:, None] + area(lb, hb) - both
    hull = area(torch.minimum(la[:, None], lb), torch.maximum(ha[:, None], hb))
    return (both / union - (hull - union) / hull).to(a.dtype)
