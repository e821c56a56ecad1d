"""A convolution from signal processing: the kernel is turned around."""

import torch.nn.functional as F

MISTAKE = "patch_embed.kernel-flipped"


def patch_embed(images, weight, bias):
    if images.shape[2] % weight.shape[2] or images.shape[3] % weight.shape[3]:
        raise ValueError("the patch size does not divide the image")
    grid = F.conv2d(images, weight.flip(2, 3), bias, stride=weight.shape[2:])
    return grid.flatten(2).mT
