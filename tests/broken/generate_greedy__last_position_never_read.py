"""Places are clipped to one less than the table has, so that its last row is never read."""

import torch
import torch.nn.functional as F


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    wide = torch.promote_types(table.dtype, torch.float32)
    E = table.shape[1]
    if steps < 1 or tokens.shape[1] + steps - 1 > len(positions):
        raise ValueError(f"steps={steps}: too many for {len(positions)} positions")

    def norm(h, i):
        return F.layer_norm(h, (E,), gamma[i].to(wide), beta[i].to(wide))

    seen = tokens
    for _ in range(steps):
        B, L = seen.shape
        at = torch.arange(L).clamp(max=max(len(positions) - 2, 0))
        h = table[seen].to(wide) + positions[at].to(wide)
        for n in range(len(attn)):
            Wq, Wk, Wv, Wo = attn[n].to(wide)
            y = norm(h, 2 * n)
            q, k, v = ((y @ W).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + o.transpose(1, 2).reshape(B, L, E) @ Wo
            y = norm(h, 2 * n + 1)
            h = h + F.gelu(y @ W1[n].to(wide)) @ W2[n].to(wide)
        logits = norm(h, -1)[:, -1] @ table.to(wide).T
        seen = torch.cat([seen, logits.argmax(-1, keepdim=True)], 1)
    return seen[:, tokens.shape[1] :]
