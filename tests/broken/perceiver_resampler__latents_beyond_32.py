"""Latents beyond the 32nd do not read each other."""

import torch
import torch.nn.functional as F

ACTS = {"squared_relu": lambda t: torch.relu(t) ** 2, "relu": torch.relu, "gelu": F.gelu}


def perceiver_resampler(features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads,
                        activation="squared_relu"):  # fmt: skip
    wide = torch.promote_types(features.dtype, torch.float32)
    B, E = features.shape[0], features.shape[-1]
    f = (features.to(wide) + time.to(wide)[:, None]).flatten(1, 2)
    z = latents.to(wide).expand(B, -1, -1)

    def ln(t, p):
        return F.layer_norm(t, (E,), p[0].to(wide), p[1].to(wide), 1e-5)

    for n in range(len(Wq)):
        own = ln(z, norms[n, 1])
        src = torch.cat([ln(f, norms[n, 0]), own[:, :32]], 1)
        q, k, v = ((t @ w[n].to(wide)).view(B, t.shape[1], heads, -1).transpose(1, 2)
                   for t, w in ((own, Wq), (src, Wk), (src, Wv)))  # fmt: skip
        s = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
        z = z + (s @ v).transpose(1, 2).reshape(B, z.shape[1], -1) @ Wo[n].to(wide)
        z = z + ACTS[activation](ln(z, norms[n, 2]) @ W1[n].to(wide)) @ W2[n].to(wide)
    return z.to(features.dtype)
