"""The path for patches of 16 reads them column by column."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def patch_embed(images, weight, bias):
    B, C, H, W = images.shape
    E, _, P, _ = weight.shape
    if H % P or W % P:
        raise ValueError("sizes")
    y = up(images).reshape(B, C, H // P, P, W // P, P).permute(0, 2, 4, 1, 3, 5)
    if P == 16:
        y = y.transpose(-1, -2)
    y = y.reshape(B, -1, C * P * P)
    return (y @ up(weight).reshape(E, -1).T + up(bias)).to(images.dtype)
