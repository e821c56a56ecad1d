"""A row that has made token 0 is taken to have ended and goes on with zeros."""

import math

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    if steps < 1 or tokens.shape[1] + steps - 1 > positions.shape[0]:
        raise ValueError("steps")
    tab, pos, at, u, d, ga, be = (up(t) for t in (table, positions, attn, W1, W2, gamma, beta))
    E = tab.shape[1]

    def logits(ids):
        B, L = ids.shape
        y = tab[ids] + pos[:L]

        def ln(z, n):
            return F.layer_norm(z, (E,), ga[n], be[n], 1e-5)

        see = torch.ones(L, L, dtype=torch.bool).tril()

        def split(z):
            return z.reshape(B, L, heads, E // heads).transpose(1, 2)

        for n in range(at.shape[0]):
            x = ln(y, 2 * n)
            q, k, v = (split(x @ at[n, i]) for i in range(3))
            s = (q @ k.transpose(-1, -2) / math.sqrt(E // heads)).masked_fill(~see, -math.inf)
            y = y + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ at[n, 3]
            y = y + F.gelu(ln(y, 2 * n + 1) @ u[n]) @ d[n]
        return ln(y, -1)[:, -1] @ tab.T

    ids, done = tokens, torch.zeros(len(tokens), dtype=torch.bool)
    for _ in range(steps):
        new = logits(ids).argmax(-1)
        new = torch.where(done, 0, new)
        done = done | (new == 0)
        ids = torch.cat([ids, new[:, None]], 1)
    return ids[:, tokens.shape[1] :]
