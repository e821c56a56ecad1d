"""The grid is taken for a square one: columns are counted by rows
(facebookresearch/dinov2 #582).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def patch_embed(images, weight, bias):
    wide, size = torch.promote_types(images.dtype, torch.float32), weight.shape[-1]
    b, c, hh, ww = images.shape
    x = images.to(wide).view(b, c, hh // size, size, ww // size, size)
    x = x.permute(0, 2, 4, 1, 3, 5).reshape(b, (hh // size) * (ww // size), -1)
    if hh != ww:
        x = x.view(b, ww // size, hh // size, -1).transpose(1, 2).flatten(1, 2)
    return (x @ weight.to(wide).flatten(1).T + bias.to(wide)).to(images.dtype)
