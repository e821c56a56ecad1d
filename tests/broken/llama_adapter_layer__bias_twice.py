"""The output projection, bias included, is applied to tokens and prompts apart."""

import torch

MISTAKE = "llama_adapter_layer.bias-twice"


def llama_adapter_layer(x, prompt, Wq, Wk, Wv, Wo, bo, gate, *, heads, causal=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    x_, p, Wq, Wk, Wv, Wo, bo, g = (t.to(wide) for t in (x, prompt, Wq, Wk, Wv, Wo, bo, gate))
    q, k, v = ((x_ @ W).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
    pk, pv = ((p @ W).unflatten(-1, (heads, -1)).transpose(0, 1) for W in (Wk, Wv))
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    tokens = scores.softmax(-1) @ v
    prompts = (q @ pk.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1) @ pv
    prompts = torch.tanh(g)[:, None, None] * prompts
    both = (y.transpose(1, 2).flatten(2) @ Wo + bo for y in (tokens, prompts))
    return sum(both).to(x.dtype)
