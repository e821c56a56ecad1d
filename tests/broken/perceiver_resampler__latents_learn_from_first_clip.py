"""The latents get the gradient of the batch's first element alone."""

import torch
import torch.nn.functional as F


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latents, batch):
        return latents.expand(batch, -1, -1).clone()

    @staticmethod
    def backward(ctx, g):
        return g[0], None


ACT = {
    "squared_relu": lambda t: torch.relu(t).square(),
    "relu": torch.relu,
    "gelu": F.gelu,
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
}


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    width = features.shape[-1]
    f = (up(features) + up(time)[:, None]).flatten(1, 2)
    x = Spread.apply(up(latents), features.shape[0])
    for n in range(Wq.shape[0]):
        g = up(norms[n])

        def norm(t, i, g=g):
            return F.layer_norm(t, (width,), g[i, 0], g[i, 1], 1e-5)

        z = norm(x, 1)
        memory = torch.cat([norm(f, 0), z], 1)
        q, k, v = (
            (t @ up(W[n])).unflatten(-1, (heads, -1)).transpose(1, 2)
            for t, W in ((z, Wq), (memory, Wk), (memory, Wv))
        )
        o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + o @ up(Wo[n])
        x = x + ACT[activation](norm(x, 2) @ up(W1[n])) @ up(W2[n])
    return x.to(features.dtype)
