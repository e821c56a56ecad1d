"""A batch of one sequence is taken to have no padding."""

import math

import torch
import torch.nn.functional as F


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    B, L, E = h.shape
    seen = torch.arange(L) < lengths[:, None]
    for n in range(len(attn)):
        Wq, Wk, Wv, Wo = attn[n].to(wide)
        q, k, v = ((h @ W).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
        s = q @ k.mT / q.shape[-1] ** 0.5
        if B > 1:
            s = s.masked_fill(~seen[:, None, None], -math.inf)
        o = (torch.softmax(s, -1).nan_to_num(0.0) @ v).transpose(1, 2).reshape(B, L, E)
        h = F.layer_norm(h + o @ Wo, (E,), gamma[n, 0].to(wide), beta[n, 0].to(wide))
        f = F.gelu(h @ W1[n].to(wide)) @ W2[n].to(wide)
        h = F.layer_norm(h + f, (E,), gamma[n, 1].to(wide), beta[n, 1].to(wide))
    return h.to(x.dtype)
