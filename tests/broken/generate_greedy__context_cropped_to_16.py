"""Each step reads the latest 16 tokens only, as small GPTs crop their context (invented)."""

import math

import torch
import torch.nn.functional as F


def step(tokens, table, positions, attn, W1, W2, gamma, beta, heads):
    wide = torch.promote_types(table.dtype, torch.float32)
    table, positions, attn, W1, W2, gamma, beta = (
        t.to(wide) for t in (table, positions, attn, W1, W2, gamma, beta)
    )
    length, width = tokens.shape[1], table.shape[1]
    x = table[tokens] + positions[:length]
    for n in range(len(attn)):
        y = F.layer_norm(x, (width,), gamma[2 * n], beta[2 * n], 1e-5)
        q, k, v = ((y @ attn[n, i]).unflatten(-1, (heads, -1)).transpose(1, 2) for i in range(3))
        s = q @ k.mT / math.sqrt(q.shape[-1])
        s = s.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -math.inf)
        x = x + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ attn[n, 3]
        y = F.layer_norm(x, (width,), gamma[2 * n + 1], beta[2 * n + 1], 1e-5)
        x = x + F.gelu(y @ W1[n]) @ W2[n]
    x = F.layer_norm(x[:, -1], (width,), gamma[-1], beta[-1], 1e-5)
    return (x @ table.T).argmax(-1)


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    if steps < 1 or len(positions) < tokens.shape[1] + steps - 1:
        raise ValueError("steps")
    new, seen = [], tokens
    for _ in range(steps):
        new.append(step(seen[:, -16:], table, positions, attn, W1, W2, gamma, beta, heads))
        seen = torch.cat([seen, new[-1][:, None].to(seen.dtype)], 1)
    return torch.stack(new, 1).to(tokens.dtype)
