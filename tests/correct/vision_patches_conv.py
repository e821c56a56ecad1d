"""Patches by strided convolution and flatten, in the input's dtype; positions by interpolate."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def patch_embed(images, weight, bias):
    if images.shape[2] % weight.shape[2] or images.shape[3] % weight.shape[3]:
        raise ValueError("the patch size does not divide the image")
    return F.conv2d(images, weight, bias, stride=weight.shape[2:]).flatten(2).transpose(1, 2)


def vit_embed(images, weight, bias, class_token, positions):
    tokens = patch_embed(images, weight, bias)
    first = class_token.reshape(1, 1, -1).expand(len(images), -1, -1)
    if len(positions) != tokens.shape[1] + 1:
        raise ValueError("positions do not fit")
    return torch.cat((first, tokens), dim=1) + positions


def spectrogram_patch_embed(x, weight, bias, *, stride):
    image = F.conv2d(x[:, None], weight[:, None], bias, stride=stride)
    return image.flatten(2).transpose(1, 2)


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    side = int((len(positions) - 1) ** 0.5)
    if side * side != len(positions) - 1:
        raise ValueError("no square grid")
    wide = torch.promote_types(positions.dtype, torch.float32)
    grid = positions[1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).to(wide)
    grid = F.interpolate(grid, size=(height, width), mode=mode, align_corners=False)
    flat = grid.permute(0, 2, 3, 1).reshape(height * width, -1).to(positions.dtype)
    return torch.cat((positions[:1], flat))
