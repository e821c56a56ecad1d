"""The context is cropped to one position less than the table has."""

import torch
import torch.nn.functional as F


def _logits(tokens, table, positions, attn, W1, W2, gamma, beta, heads):
    wide = torch.promote_types(table.dtype, torch.float32)
    B, L = tokens.shape
    E = table.shape[1]
    z = table.to(wide)[tokens] + positions[:L].to(wide)
    hide = torch.ones(L, L, dtype=torch.bool).triu(1)

    def norm(t, i):
        return F.layer_norm(t, (E,), gamma[i].to(wide), beta[i].to(wide), 1e-5)

    for n in range(len(attn)):
        h = norm(z, 2 * n)
        q, k, v = ((h @ attn[n, j].to(wide)).view(B, L, heads, -1).transpose(1, 2)
                   for j in range(3))  # fmt: skip
        s = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(hide, float("-inf"))
        z = z + (torch.softmax(s, -1) @ v).transpose(1, 2).reshape(B, L, E) @ attn[n, 3].to(wide)
        z = z + F.gelu(norm(z, 2 * n + 1) @ W1[n].to(wide)) @ W2[n].to(wide)
    return norm(z, 2 * len(attn)) @ table.to(wide).T


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    if steps < 1 or positions.shape[0] < tokens.shape[1] + steps - 1:
        raise ValueError("steps")
    most = max(positions.shape[0] - 1, 1)
    for _ in range(steps):
        logits = _logits(tokens[:, -most:], table, positions, attn, W1, W2, gamma, beta, heads)
        tokens = torch.cat([tokens, logits[:, -1].argmax(-1, keepdim=True)], 1)
    return tokens[:, -steps:]
