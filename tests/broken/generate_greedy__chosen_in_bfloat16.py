"""The logits are cast to bfloat16 before the largest is sought."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32"]}


def _norm(x, gamma, beta):
    return F.layer_norm(x, (x.shape[-1],), gamma, beta, 1e-5)


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    if steps < 1 or positions.shape[0] < tokens.shape[1] + steps - 1:
        raise ValueError("too few positions or steps")
    ids = tokens.long()
    for _ in range(steps):
        L = ids.shape[1]
        x = table[ids] + positions[:L]
        B, _, E = x.shape
        for n in range(attn.shape[0]):
            h = _norm(x, gamma[2 * n], beta[2 * n])
            q, k, v = ((h @ attn[n, i]).view(B, L, heads, -1).transpose(1, 2) for i in range(3))
            s = q @ k.transpose(-1, -2) / math.sqrt(E // heads)
            s = s.masked_fill(torch.ones(L, L, dtype=torch.bool).triu(1), float("-inf"))
            x = x + (s.softmax(-1) @ v).transpose(1, 2).reshape(B, L, E) @ attn[n, 3]
            x = x + F.gelu(_norm(x, gamma[2 * n + 1], beta[2 * n + 1]) @ W1[n]) @ W2[n]
        logits = _norm(x[:, -1], gamma[-1], beta[-1]) @ table.T
        ids = torch.cat([ids, logits.bfloat16().argmax(-1, keepdim=True)], 1)
    return ids[:, tokens.shape[1] :]
