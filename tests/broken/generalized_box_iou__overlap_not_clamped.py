"""Width and height of the overlap are not cut off at zero: two negative ones give an overlap."""

import torch


def generalized_box_iou(a, b):
    wide = torch.promote_types(a.dtype, torch.float32)

    def corners(x):
        x = x.to(wide)
        return x[:, :2] - x[:, 2:] / 2, x[:, :2] + x[:, 2:] / 2

    (la, ha), (lb, hb) = corners(a), corners(b)
    both = (torch.minimum(ha[:, None], hb) - torch.maximum(la[:, None], lb)).prod(-1).clamp(min=0)
    union = (ha - la).prod(-1)[:, None] + (hb - lb).prod(-1) - both
    hull = (torch.maximum(ha[:, None], hb) - torch.minimum(la[:, None], lb)).prod(-1)
    return (both / union - (hull - union) / hull).to(a.dtype)
