"""Vision encoders with SDPA, registers in front; everything in the input's dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _layer(x, Wqkv, Wo, W1, W2, heads):
    y = F.layer_norm(x, x.shape[-1:], eps=1e-6)
    q, k, v = ((y @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in Wqkv.chunk(3, -1))
    o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    x = x + o @ Wo
    return x + F.gelu(F.layer_norm(x, x.shape[-1:], eps=1e-6) @ W1) @ W2


def vit_encoder(x, Wqkv, Wo, W1, W2, *, heads):
    for layer in zip(Wqkv, Wo, W1, W2, strict=True):
        x = _layer(x, *layer, heads)
    return x


def register_encoder(x, registers, Wqkv, Wo, W1, W2, *, heads):
    y = torch.cat((registers.expand(len(x), -1, -1), x), dim=1)
    return vit_encoder(y, Wqkv, Wo, W1, W2, heads=heads)[:, len(registers) :]


def vpt_deep_encoder(x, prompts, Wqkv, Wo, W1, W2, *, heads):
    for prompt, *layer in zip(prompts, Wqkv, Wo, W1, W2, strict=True):
        y = torch.cat((prompt.expand(len(x), -1, -1), x), dim=1)
        x = _layer(y, *layer, heads)[:, prompts.shape[1] :]
    return x
