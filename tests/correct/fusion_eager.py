"""Visual fusion as eager code runs it, every tensor rounded to the input dtype."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def product(a, b):
    wide = torch.promote_types(a.dtype, torch.float32)
    return (a.to(wide) @ b.to(wide)).to(a.dtype)


def attend(x, memory, Wq, Wk, Wv, Wo, heads, mask=None):
    q, k, v = (
        product(a, W).unflatten(-1, (heads, W.shape[1] // heads)).transpose(1, 2)
        for a, W in ((x, Wq), (memory, Wk), (memory, Wv))
    )
    scores = product(q, k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    p = torch.softmax(scores.float() if x.dtype != torch.float64 else scores, -1).to(x.dtype)
    p = p.masked_fill(~mask, 0.0) if mask is not None else p
    return product(product(p, v).transpose(1, 2).flatten(2), Wo)


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    mask = None if mask is None else mask.unsqueeze(1)
    return x + torch.tanh(gate) * attend(x, visual, Wq, Wk, Wv, Wo, heads, mask)


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    z = torch.cat([visual, text], 1)
    size = z.shape[1]
    mask = torch.ones(size, size, dtype=torch.bool).tril() if causal else None
    y = z + attend(z, z, Wq, Wk, Wv, Wo, heads, mask)
    return y[:, : visual.shape[1]], y[:, visual.shape[1] :]


def spatial_cross_attention(x, context, Wq, Wk, Wv, Wo, *, heads):
    pixels = x.flatten(2).transpose(1, 2)
    update = attend(pixels, context, Wq, Wk, Wv, Wo, heads)
    return x + update.transpose(1, 2).reshape(x.shape)
