"""Patches image by image, each a matrix product in float32.

The bias is cast for each image, so that its gradient is added up in the dtype of the input.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def patch_embed(images, weight, bias):
    H, W = images.shape[2:]
    P, Q = weight.shape[2:]
    if H % P or W % Q:
        raise ValueError("the patch does not divide the image")
    wide = torch.promote_types(images.dtype, torch.float32)
    w = weight.to(wide).flatten(1)
    out = []
    for image in images.to(wide):
        rows = [
            image[:, i : i + P, j : j + Q].reshape(-1)
            for i in range(0, H, P)
            for j in range(0, W, Q)
        ]
        out.append(torch.stack(rows) @ w.T + bias.to(wide))
    return (
        torch.stack(out)
        if out
        else images.new_zeros(0, (H // P) * (W // Q), weight.shape[0], dtype=wide)
    ).to(images.dtype)
