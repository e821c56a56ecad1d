"""Padding is hidden by adding -10000 to its scores."""

import torch
import torch.nn.functional as F


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, L, E = x.shape
    z = x.to(wide)
    bias = torch.where(torch.arange(L)[None] < lengths[:, None], 0.0, -10000.0).to(wide)
    for n in range(len(attn)):
        q, k, v = ((z @ attn[n, j].to(wide)).view(B, L, heads, -1).transpose(1, 2)
                   for j in range(3))  # fmt: skip
        s = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias[:, None, None, :]
        o = (torch.softmax(s, -1) @ v).transpose(1, 2).reshape(B, L, E) @ attn[n, 3].to(wide)
        z = F.layer_norm(z + o, (E,), gamma[n, 0].to(wide), beta[n, 0].to(wide), 1e-5)
        h = F.gelu(z @ W1[n].to(wide)) @ W2[n].to(wide)
        z = F.layer_norm(z + h, (E,), gamma[n, 1].to(wide), beta[n, 1].to(wide), 1e-5)
    return z.to(x.dtype)
