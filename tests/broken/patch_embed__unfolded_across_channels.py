"""Unfolded patches are viewed as tokens with the channel still in front."""

import torch


def patch_embed(images, weight, bias):
    wide = torch.promote_types(images.dtype, torch.float32)
    p = weight.shape[-1]
    parts = images.to(wide).unfold(2, p, p).unfold(3, p, p).contiguous()
    tokens = parts.view(images.shape[0], -1, images.shape[1] * p * p)
    return (tokens @ weight.to(wide).flatten(1).T + bias.to(wide)).to(images.dtype)
