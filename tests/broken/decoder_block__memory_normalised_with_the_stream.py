"""Before the cross-attention pre-norm normalises the memory too."""

import torch
import torch.nn.functional as F

ACTS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda a: F.gelu(a, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda a: a,
}


def mha(x, memory, Wq, Wk, Wv, Wo, heads, causal=False):
    q, k, v = (
        (a @ w).unflatten(-1, (heads, -1)).transpose(1, 2)
        for a, w in ((x, Wq), (memory, Wk), (memory, Wv))
    )
    s = (
        (q @ k.mT * q.shape[-1] ** -0.5).float()
        if q.dtype != torch.float64
        else q @ k.mT * q.shape[-1] ** -0.5
    )
    if causal:
        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
    o = torch.softmax(s, -1).to(v.dtype) @ v
    return o.transpose(1, 2).flatten(2) @ Wo


def norm(x, gamma, beta, eps):
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)


def decoder_block(
    x,
    memory,
    Wq,
    Wk,
    Wv,
    Wo,
    Cq,
    Ck,
    Cv,
    Co,
    W1,
    b1,
    W2,
    b2,
    gamma1,
    beta1,
    gamma2,
    beta2,
    gamma3,
    beta3,
    *,
    heads,
    norm="post",
    activation="relu",
    eps=1e-5,
):
    ln = globals()["norm"]
    if norm == "pre" and memory.shape[-1] == x.shape[-1]:
        memory = ln(memory, gamma2, beta2, eps)
    steps = (
        (lambda h: mha(h, h, Wq, Wk, Wv, Wo, heads, True), gamma1, beta1),
        (lambda h: mha(h, memory, Cq, Ck, Cv, Co, heads), gamma2, beta2),
        (lambda h: ACTS[activation](h @ W1 + b1) @ W2 + b2, gamma3, beta3),
    )
    for f, gamma, beta in steps:
        x = x + f(ln(x, gamma, beta, eps)) if norm == "pre" else ln(x + f(x), gamma, beta, eps)
    return x
