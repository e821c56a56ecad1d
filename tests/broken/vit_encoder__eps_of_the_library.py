"""LayerNorm with torch's eps of 1e-5, not the 1e-6 of ViT (a slip of many ports from JAX and
timm).
"""

import torch
import torch.nn.functional as F


def vit_encoder(x, Wqkv, Wo, W1, W2, *, heads):
    dtype = x.dtype
    wide = torch.promote_types(dtype, torch.float32)
    x, Wqkv, Wo, W1, W2 = (t.to(wide) for t in (x, Wqkv, Wo, W1, W2))
    e = x.shape[-1]
    for qkv, o, up, down in zip(Wqkv, Wo, W1, W2, strict=True):
        parts = (F.layer_norm(x, (e,)) @ qkv).unflatten(-1, (3, heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = q @ k.mT * (e // heads) ** -0.5
        x = x + (scores.softmax(-1) @ v).transpose(1, 2).flatten(2) @ o
        x = x + F.gelu(F.layer_norm(x, (e,)) @ up) @ down
    return x.to(dtype)
