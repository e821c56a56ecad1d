"""With a cache every new token is embedded at the prompt's last position."""

import math

import torch
import torch.nn.functional as F


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads=1, steps=1):
    wide = torch.promote_types(table.dtype, torch.float32)
    start, width = tokens.shape[1], table.shape[1]
    gamma, beta = gamma.to(wide), beta.to(wide)
    row = tokens
    for _ in range(steps):
        n = row.shape[1]
        at = torch.arange(n).clamp(max=start)
        y = table.to(wide)[row] + positions.to(wide)[at.clamp(max=positions.shape[0] - 1)]
        hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
        for i in range(attn.shape[0]):
            Wq, Wk, Wv, Wo = attn[i].to(wide)
            x = F.layer_norm(y, (width,), gamma[2 * i], beta[2 * i])
            q, k, v = ((x @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
            s = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf)
            y = y + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo
            x = F.layer_norm(y, (width,), gamma[2 * i + 1], beta[2 * i + 1])
            y = y + F.gelu(x @ W1[i].to(wide)) @ W2[i].to(wide)
        last = F.layer_norm(y[:, -1], (width,), gamma[-1], beta[-1]) @ table.to(wide).T
        row = torch.cat((row, last.argmax(-1, keepdim=True)), 1)
    return row[:, start:]
