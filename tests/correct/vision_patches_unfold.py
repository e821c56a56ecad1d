"""Patches by F.unfold and a linear layer, in float32 or wider."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def patch_embed(images, weight, bias):
    size = weight.shape[-1]
    if images.shape[2] % size or images.shape[3] % size:
        raise ValueError("the patch size does not divide the image")
    wide = torch.promote_types(images.dtype, torch.float32)
    patches = F.unfold(images.to(wide), size, stride=size).mT
    return F.linear(patches, weight.flatten(1).to(wide), bias.to(wide)).to(images.dtype)


def spectrogram_patch_embed(x, weight, bias, *, stride):
    wide = torch.promote_types(x.dtype, torch.float32)
    patches = F.unfold(x[:, None].to(wide), weight.shape[-1], stride=stride).mT
    return F.linear(patches, weight.flatten(1).to(wide), bias.to(wide)).to(x.dtype)
