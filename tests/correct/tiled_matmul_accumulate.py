"""The blocked product with the inner blocks outside and one float32 accumulator for the result."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def tiled_matmul(a, b, *, tile):
    wide = torch.promote_types(a.dtype, torch.float32)
    out = torch.zeros(a.shape[0], b.shape[1], dtype=wide)
    for left, right in zip(a.to(wide).split(tile, 1), b.to(wide).split(tile, 0), strict=True):
        out = out + left @ right
    return out.to(a.dtype)
