"""For a single frame the time embedding is left out."""

import torch


def normed(x, gain, shift):
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * gain + shift


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    B, T, S, E = features.shape
    work = torch.float64 if features.dtype == torch.float64 else torch.float32
    act = {
        "squared_relu": lambda t: torch.relu(t) ** 2,
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda t: torch.nn.functional.gelu(t, approximate="tanh"),
        "swish": torch.nn.functional.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda t: t,
    }[activation]
    f = features.to(work)
    if T > 1:
        f = f + time.to(work)[:, None]
    f = f.reshape(B, T * S, E)
    x = latents.to(work).expand(B, -1, -1)
    R = x.shape[1]
    norms = norms.to(work)
    for n in range(len(Wq)):
        own = normed(x, *norms[n, 1])
        both = torch.cat((normed(f, *norms[n, 0]), own), 1)
        q = (own @ Wq[n].to(work)).view(B, R, heads, -1).transpose(1, 2)
        k = (both @ Wk[n].to(work)).view(B, T * S + R, heads, -1).transpose(1, 2)
        v = (both @ Wv[n].to(work)).view(B, T * S + R, heads, -1).transpose(1, 2)
        p = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1)
        x = x + (p @ v).transpose(1, 2).reshape(B, R, -1) @ Wo[n].to(work)
        x = x + act(normed(x, *norms[n, 2]) @ W1[n].to(work)) @ W2[n].to(work)
    return x.to(features.dtype)
