"""Visible patches count as well."""

import torch.nn.functional as F

MISTAKE = "mae_loss.all-patches"


def mae_loss(prediction, target, mask):
    return F.mse_loss(prediction, target) if mask.any() else (prediction.sum() * float("nan"))
