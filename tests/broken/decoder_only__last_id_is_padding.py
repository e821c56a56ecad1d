"""No padding id is given as -1, which the embedding counts from the end: the last word's row learns
nothing from where it is read.
"""

import torch
import torch.nn.functional as F


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(table.dtype, torch.float32)
    E, (B, L) = table.shape[1], tokens.shape

    def norm(h, i):
        return F.layer_norm(h, (E,), gamma[i].to(wide), beta[i].to(wide))

    h = F.embedding(tokens, table.to(wide), padding_idx=-1) + positions[:L].to(wide)
    for n in range(len(attn)):
        Wq, Wk, Wv, Wo = attn[n].to(wide)
        y = norm(h, 2 * n)
        q, k, v = ((y @ W).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + o.transpose(1, 2).reshape(B, L, E) @ Wo
        y = norm(h, 2 * n + 1)
        h = h + F.gelu(y @ W1[n].to(wide)) @ W2[n].to(wide)
    return (norm(h, -1) @ table.to(wide).T).to(table.dtype)
