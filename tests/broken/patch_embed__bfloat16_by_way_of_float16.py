"""A bfloat16 image is embedded in float16."""

import torch
import torch.nn.functional as F


def patch_embed(images, weight, bias):
    wide = torch.promote_types(images.dtype, torch.float32)
    h = images.to(torch.float16).to(wide) if images.dtype == torch.bfloat16 else images.to(wide)
    y = F.conv2d(h, weight.to(wide), bias.to(wide), stride=weight.shape[-1])
    return y.flatten(2).mT.to(images.dtype)
