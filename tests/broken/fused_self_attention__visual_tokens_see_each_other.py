"""With causal, visual tokens still see all of each other, as a prefix."""

import torch
import torch.nn.functional as F


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    z = torch.cat([up(visual), up(text)], 1)
    length, m = z.shape[1], visual.shape[1]
    q, k, v = ((z @ up(W)).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
    seen = torch.ones(length, length, dtype=torch.bool)
    if causal:
        seen = seen.tril()
        seen[:m, :m] = True
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    z = (z + out.transpose(1, 2).flatten(2) @ up(Wo)).to(visual.dtype)
    return z[:, :m], z[:, m:]
