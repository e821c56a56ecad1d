"""Keys of token zero are hidden as padding, but for a token's own."""

import math

import torch
import torch.nn.functional as F


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(table.dtype, torch.float32)
    E, (B, L) = table.shape[1], tokens.shape

    def norm(h, i):
        return F.layer_norm(h, (E,), gamma[i].to(wide), beta[i].to(wide))

    h = table[tokens].to(wide) + positions[:L].to(wide)
    late = torch.ones(L, L, dtype=torch.bool).triu(1)
    hidden = late | ((tokens == 0)[:, None, None] & ~torch.eye(L, dtype=torch.bool))
    for n in range(len(attn)):
        Wq, Wk, Wv, Wo = attn[n].to(wide)
        y = norm(h, 2 * n)
        q, k, v = ((y @ W).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
        s = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(hidden, -math.inf)
        h = h + (torch.softmax(s, -1) @ v).transpose(1, 2).reshape(B, L, E) @ Wo
        y = norm(h, 2 * n + 1)
        h = h + F.gelu(y @ W1[n].to(wide)) @ W2[n].to(wide)
    return (norm(h, -1) @ table.to(wide).T).to(table.dtype)
