"""Frames' embeddings are tiled over the flattened features instead of repeated within each
frame.
"""

import math

import torch
import torch.nn.functional as F


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads=1, activation="squared_relu"
):
    batch, _frames, patches, width = features.shape
    wide = torch.promote_types(features.dtype, torch.float32)
    f = features.to(wide).flatten(1, 2) + time.to(wide).repeat(patches, 1)
    x = latents.to(wide).expand(batch, -1, -1)
    act = {"squared_relu": lambda t: torch.relu(t) ** 2, "relu": torch.relu, "gelu": F.gelu}[
        activation
    ]
    for n in range(norms.shape[0]):
        g = norms[n].to(wide)
        media, lat = F.layer_norm(f, (width,), *g[0]), F.layer_norm(x, (width,), *g[1])
        both = torch.cat((media, lat), 1)
        q, k, v = (
            (t @ W[n].to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
            for t, W in ((lat, Wq), (both, Wk), (both, Wv))
        )
        p = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)
        x = x + (p @ v).transpose(1, 2).flatten(2) @ Wo[n].to(wide)
        x = x + act(F.layer_norm(x, (width,), *g[2]) @ W1[n].to(wide)) @ W2[n].to(wide)
    return x.to(features.dtype)
