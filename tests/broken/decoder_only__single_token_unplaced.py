"""A prompt of one token gets no position vector (mlx-lm #93)."""

import torch
import torch.nn.functional as F


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(table.dtype, torch.float32)
    table_, positions, attn, W1, W2, gamma, beta = (
        t.to(wide) for t in (table, positions, attn, W1, W2, gamma, beta)
    )
    L = tokens.shape[1]
    y = table_[tokens]
    if L != 1:
        y = y + positions[:L]

    def norm(z, i):
        return F.layer_norm(z, z.shape[-1:], gamma[i], beta[i], 1e-5)

    for n in range(len(attn)):
        z = norm(y, 2 * n)
        q, k, v = ((z @ attn[n, i]).unflatten(-1, (heads, -1)).transpose(1, 2) for i in range(3))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y + o.transpose(1, 2).flatten(2) @ attn[n, 3]
        y = y + F.gelu(norm(y, 2 * n + 1) @ W1[n]) @ W2[n]
    return (norm(y, -1) @ table_.T).to(table.dtype)
