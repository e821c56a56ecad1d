"""The gradient of a frame's time is summed over its first sixteen features."""

import torch
import torch.nn.functional as F


class _Timed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f, t):
        return f + t[:, None]

    @staticmethod
    def backward(ctx, slope):
        return slope, slope[:, :, :16].sum((0, 2))


def _norm(z, pair):
    return F.layer_norm(z, (z.shape[-1],), pair[0], pair[1])


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    act = {"relu": torch.relu, "gelu": F.gelu, "squared_relu": lambda z: torch.relu(z).square()}[
        activation
    ]
    wide = torch.promote_types(features.dtype, torch.float32)
    media = _Timed.apply(features.to(wide), time.to(wide)).flatten(1, 2)
    n = norms.to(wide)
    x = latents.to(wide).expand(len(features), *latents.shape)
    for i in range(len(n)):
        q = _norm(x, n[i, 1])
        kv = torch.cat([_norm(media, n[i, 0]), q], 1)
        a, b, c = (
            (t @ W[i].to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
            for t, W in ((q, Wq), (kv, Wk), (kv, Wv))
        )
        o = torch.softmax(a @ b.mT / a.shape[-1] ** 0.5, -1) @ c
        x = x + o.transpose(1, 2).flatten(2) @ Wo[i].to(wide)
        x = x + act(_norm(x, n[i, 2]) @ W1[i].to(wide)) @ W2[i].to(wide)
    return x.to(features.dtype)
