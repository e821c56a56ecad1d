"""Keys and values are the features alone, without the latents."""

import torch
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

MISTAKE = "perceiver_resampler.latents-not-among-keys"


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    wide = torch.promote_types(features.dtype, torch.float32)
    media = (features.to(wide) + time.to(wide).unsqueeze(1)).flatten(1, 2)
    x, norms = latents.to(wide).expand(len(features), -1, -1), norms.to(wide)
    for n in range(len(norms)):
        keys, queries, inner = (
            lambda y, i=i, n=n: layer_norm(y, y.shape[-1:], norms[n, i, 0], norms[n, i, 1])
            for i in range(3)
        )
        own = queries(x)
        memory = keys(media)
        q, k, v = (
            (a @ W[n].to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
            for a, W in ((own, Wq), (memory, Wk), (memory, Wv))
        )
        o = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + o @ Wo[n].to(wide)
        hidden = inner(x) @ W1[n].to(wide)
        hidden = gelu(hidden) if activation == "gelu" else torch.relu(hidden)
        hidden = hidden.square() if activation == "squared_relu" else hidden
        x = x + hidden @ W2[n].to(wide)
    return x.to(features.dtype)
