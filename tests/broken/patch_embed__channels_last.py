"""Patches are flattened row, column, channel; the weight is flattened channel, row, column."""

import torch

MISTAKE = "patch_embed.channels-last"


def patch_embed(images, weight, bias):
    b, c, h, w = images.shape
    p = weight.shape[-1]
    if h % p or w % p:
        raise ValueError("the patch size does not divide the image")
    wide = torch.promote_types(images.dtype, torch.float32)
    x = images.to(wide).reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1)
    tokens = x.reshape(b, -1, p * p * c) @ weight.to(wide).flatten(1).T + bias.to(wide)
    return tokens.to(images.dtype)
