"""A square weight is taken for the tied table and transposed (tied embeddings)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def output_projection(h, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    W = W.mT if W.shape[0] == W.shape[1] else W
    return (h.to(wide) @ W.to(wide)).to(h.dtype)
