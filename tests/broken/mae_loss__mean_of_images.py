"""The loss is averaged within each image and then over images, although their masks differ."""

import torch


def mae_loss(prediction, target, mask):
    wide = torch.promote_types(prediction.dtype, torch.float32)
    each = ((prediction.to(wide) - target.to(wide)) ** 2).mean(-1)
    kept = mask.any(1)
    rows = (each * mask).sum(1)[kept] / mask.sum(1)[kept]
    return rows.mean().to(prediction.dtype)
