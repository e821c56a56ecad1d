"""The head works on a copy of the table, which gets no gradient from it: the tie is cut."""

import torch
import torch.nn.functional as F


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(table.dtype, torch.float32)
    B, L = tokens.shape
    E = table.shape[1]
    if positions.shape[0] < L:
        raise ValueError("too long")
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
    return (norm(z, 2 * len(attn)) @ table.detach().to(wide).T).to(table.dtype)
