"""The feed-forwards are closures made in a loop: all of them find the last layer's weights."""

import math

import torch
import torch.nn.functional as F

_ACT = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
}


def pre_norm_stack(
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
    gamma,
    beta,
    *,
    heads,
    causal=False,
    activation="relu",
    eps=1e-5,
):
    wide = torch.promote_types(x.dtype, torch.float32)
    dtype = x.dtype
    Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma, beta = (
        t.to(wide)
        for t in (Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma, beta)
    )
    act = _ACT[activation]
    feeds = []
    for n in range(W1.shape[0]):
        feeds.append(lambda h: act(h @ W1[n] + b1[n]) @ W2[n] + b2[n])  # noqa: B023
    h = x.to(wide)
    B, L, E = h.shape
    for layer, feed in enumerate(feeds):
        z = F.layer_norm(h, (E,), gamma1[layer], beta1[layer], eps)
        q, k, v = ((z @ W[layer]).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
        s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            s = s.masked_fill(torch.ones(L, L, dtype=torch.bool).triu(1), float("-inf"))
        h = h + (s.softmax(-1) @ v).transpose(1, 2).reshape(B, L, -1) @ Wo[layer]
        h = h + feed(F.layer_norm(h, (E,), gamma2[layer], beta2[layer], eps))
    return F.layer_norm(h, (E,), gamma, beta, eps).to(dtype)
