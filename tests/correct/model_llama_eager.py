"""LLaMA and T5's attention in eager PyTorch; the rotation by complex numbers in float32."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rotate(x, start):
    wide = torch.promote_types(x.dtype, torch.float32)
    half = x.shape[-1] // 2
    at = torch.arange(start, start + x.shape[-2], dtype=wide)
    angle = at[:, None] * 10000.0 ** (-torch.arange(half, dtype=wide) / half)
    pairs = torch.complex(*x.to(wide).split(half, -1)) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([pairs.real, pairs.imag], -1).to(x.dtype)


def norm(x, gamma):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * gamma


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    kv_heads = kv_heads or heads
    x = F.embedding(tokens, table)
    for n in range(Wq.shape[0]):
        y = norm(x, gamma[2 * n])
        q = rotate((y @ Wq[n]).unflatten(-1, (heads, -1)).transpose(1, 2), start)
        k = rotate((y @ Wk[n]).unflatten(-1, (kv_heads, -1)).transpose(1, 2), start)
        v = (y @ Wv[n]).unflatten(-1, (kv_heads, -1)).transpose(1, 2)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + o.transpose(1, 2).flatten(2) @ Wo[n]
        y = norm(x, gamma[2 * n + 1])
        x = x + (F.silu(y @ Wgate[n]) * (y @ Wup[n])) @ Wdown[n]
    return norm(x, gamma[-1]) @ head


def bucket(relative, both):
    count = 16 if both else 32
    distance = abs(relative) if both else max(-relative, 0)
    exact = count // 2
    if distance >= exact:
        far = exact
        while far < count - 1 and distance**exact >= exact**exact * (128 // exact) ** (
            far + 1 - exact
        ):
            far += 1
        distance = far
    return distance + (16 if both and relative > 0 else 0)


def t5_attention(x, Wq, Wk, Wv, Wo, table, *, heads, causal=False):
    L = x.shape[1]
    rows = torch.tensor([[bucket(j - i, not causal) for j in range(L)] for i in range(L)])
    bias = table[rows].permute(2, 0, 1)
    if causal:
        bias = bias.masked_fill(torch.ones(L, L, dtype=torch.bool).triu(1), -math.inf)
    q, k, v = ((x @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
    weights = torch.softmax(q @ k.mT + bias, -1)
    return (weights @ v).transpose(1, 2).flatten(2) @ Wo
