"""Projections of 2200 tokens at a time; autograd adds weight gradients up in their dtype."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16"]}
TOKENS = 2200


def output_projection(h, W):
    flat = h.reshape(-1, h.shape[-1])
    parts = [chunk @ W for chunk in flat.split(TOKENS)]
    return torch.cat(parts).view(*h.shape[:-1], W.shape[1])


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    scale = alpha / A.shape[0]
    parts = [
        (
            chunk.to(wide) @ W0.to(wide).T + scale * (chunk.to(wide) @ A.to(wide).T) @ B.to(wide).T
        ).to(x.dtype)
        for chunk in x.reshape(-1, x.shape[-1]).split(TOKENS)
    ]
    return torch.cat(parts).view(*x.shape[:-1], W0.shape[0])
