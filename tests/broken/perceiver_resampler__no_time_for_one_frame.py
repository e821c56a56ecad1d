"""A single frame gets no time embedding, as if it were a picture."""

import math

import torch
from torch.nn.functional import gelu, layer_norm, relu, silu

ACT = {
    "squared_relu": lambda z: relu(z) ** 2,
    "relu": relu,
    "gelu": gelu,
    "swish": silu,
    "gelu_tanh": lambda z: gelu(z, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
}


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    B, T, S, E = features.shape
    c = torch.promote_types(features.dtype, torch.float32)
    f = features.to(c)
    f = (f + time.to(c)[:, None] if T > 1 else f).reshape(B, T * S, E)
    x = latents.to(c).expand(B, -1, -1)

    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(1, 2)

    for n in range(len(Wq)):
        a, b, d = (
            lambda t, n=n, i=i: layer_norm(
                t, (E,), norms[n, i, 0].to(c), norms[n, i, 1].to(c), 1e-5
            )
            for i in range(3)
        )
        y = b(x)
        m = torch.cat([a(f), y], 1)
        q, k, v = split(y @ Wq[n].to(c)), split(m @ Wk[n].to(c)), split(m @ Wv[n].to(c))
        p = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)
        x = x + (p @ v).transpose(1, 2).flatten(2) @ Wo[n].to(c)
        x = x + ACT[activation](d(x) @ W1[n].to(c)) @ W2[n].to(c)
    return x.to(features.dtype)
