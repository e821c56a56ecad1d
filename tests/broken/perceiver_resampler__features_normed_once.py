"""The features are normed before the loop, with the first layer's gain and shift for all layers."""

import torch
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    wide = torch.promote_types(features.dtype, torch.float32)
    norms = norms.to(wide)

    def normed(y, n, i):
        return layer_norm(y, y.shape[-1:], norms[n, i, 0], norms[n, i, 1])

    media = (features.to(wide) + time.to(wide).unsqueeze(1)).flatten(1, 2)
    x = latents.to(wide).expand(len(features), -1, -1)
    first = normed(media, 0, 0)
    for n in range(len(norms)):
        own = normed(x, n, 1)
        memory = torch.cat([first, own], 1)
        q, k, v = (
            (a @ W[n].to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
            for a, W in ((own, Wq), (memory, Wk), (memory, Wv))
        )
        o = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + o @ Wo[n].to(wide)
        hidden = normed(x, n, 2) @ W1[n].to(wide)
        hidden = gelu(hidden) if activation == "gelu" else torch.relu(hidden)
        hidden = hidden.square() if activation == "squared_relu" else hidden
        x = x + hidden @ W2[n].to(wide)
    return x.to(features.dtype)
