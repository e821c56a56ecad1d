"""The joint projection is split by heads first and into queries, keys and values within each."""

import math

import torch
import torch.nn.functional as F


def vit_encoder(x, Wqkv, Wo, W1, W2, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, width = x.to(wide), x.shape[-1]
    for a, o, u, d in zip(*(t.to(wide) for t in (Wqkv, Wo, W1, W2)), strict=False):
        q, k, v = (
            (F.layer_norm(y, (width,), eps=1e-6) @ a)
            .unflatten(-1, (heads, 3, -1))
            .permute(3, 0, 2, 1, 4)
        )
        p = torch.softmax(q @ k.mT / math.sqrt(width // heads), -1)
        y = y + (p @ v).transpose(1, 2).flatten(2) @ o
        y = y + F.gelu(F.layer_norm(y, (width,), eps=1e-6) @ u) @ d
    return y.to(x.dtype)
