"""`features = norm(features)` inside the loop: the second layer norms what is normed already."""

import torch
import torch.nn.functional as F

ACT = {
    "squared_relu": lambda t: torch.relu(t).square(),
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    dtype = features.dtype
    wide = torch.promote_types(dtype, torch.float32)
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2 = (
        t.to(wide) for t in (features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2)
    )
    e = features.shape[-1]
    media = (features + time[:, None]).flatten(1, 2)
    x = latents.expand(features.shape[0], -1, -1)

    def norm(t, p):
        return F.layer_norm(t, (e,), p[0], p[1], 1e-5)

    for n in range(Wq.shape[0]):
        media = norm(media, norms[n, 0])
        latent = norm(x, norms[n, 1])
        both = torch.cat([media, latent], 1)
        q, k, v = (
            (s @ m[n]).unflatten(-1, (heads, -1)).transpose(1, 2)
            for s, m in ((latent, Wq), (both, Wk), (both, Wv))
        )
        weights = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
        x = x + (weights @ v).transpose(1, 2).flatten(2) @ Wo[n]
        x = x + ACT[activation](norm(x, norms[n, 2]) @ W1[n]) @ W2[n]
    return x.to(dtype)
