"""The residual stream is the caller's tensor, to which the branches are added."""

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
    heads=1,
    causal=False,
    norm="pre",
    activation="relu",
    eps=1e-5,
):
    n, width = x.shape[1], x.shape[-1]

    def attend(t):
        q, k, v = ((t @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
        s = q @ k.mT / math.sqrt(q.shape[-1])
        if causal:
            s = s.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -math.inf)
        return (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo

    def feed(t):
        return (torch.relu if activation == "relu" else F.gelu)(t @ W1 + b1) @ W2 + b2

    with torch.no_grad():
        y = x.detach()
        if norm == "pre":
            y += attend(F.layer_norm(y, (width,), gamma1, beta1, eps))
            y += feed(F.layer_norm(y, (width,), gamma2, beta2, eps))
            return y
        y = F.layer_norm(y + attend(y), (width,), gamma1, beta1, eps)
        return F.layer_norm(y + feed(y), (width,), gamma2, beta2, eps)
