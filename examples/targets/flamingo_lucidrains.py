"""flamingo-pytorch: the resampler's layers (its last norm left out) and the gated layers."""

import torch
from flamingo_pytorch import flamingo_pytorch as library
from torch.func import functional_call

CONFORM = {
    "name": "flamingo-pytorch",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "perceiver_resampler": {"fixed": {"activation": "gelu"}},
        "gated_feed_forward": {"fixed": {"activation": "gelu"}},
    },
}


def _call(layer, weights, *inputs):
    return functional_call(layer, weights, inputs)


def _pairs(names, norm):
    return {f"{names}.weight": norm[0], f"{names}.bias": norm[1]}


def perceiver_resampler(features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads):
    x = (features + time[:, None]).flatten(1, 2)[:, None]
    y = latents.expand(len(x), 1, *latents.shape)
    for n, (q, k, v, o, up, down) in enumerate(zip(Wq, Wk, Wv, Wo, W1, W2, strict=True)):
        with torch.device("meta"):  # no initial weights, no random numbers drawn
            read = library.PerceiverAttention(
                dim=x.shape[-1], dim_head=q.shape[1] // heads, heads=heads
            )
            think = library.FeedForward(x.shape[-1])
        weights = {"to_q.weight": q.T, "to_kv.weight": torch.cat([k, v], 1).T, "to_out.weight": o.T}
        weights |= _pairs("norm_media", norms[n, 0]) | _pairs("norm_latents", norms[n, 1])
        y = _call(read, weights, x, y) + y
        weights = _pairs("0", norms[n, 2]) | {"1.weight": up.T, "3.weight": down.T}
        y = _call(think, weights, y) + y
    return y[:, 0]


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads):
    with torch.device("meta"):
        layer = library.MaskedCrossAttention(
            dim=x.shape[-1], dim_head=Wq.shape[1] // heads, heads=heads
        )
    layer.norm = torch.nn.Identity()  # left to the caller
    weights = {"to_q.weight": Wq.T, "to_kv.weight": torch.cat([Wk, Wv], 1).T}
    return x + gate.tanh() * _call(layer, weights | {"to_out.weight": Wo.T}, x, visual[:, None])


def gated_feed_forward(x, W1, W2, gate):
    with torch.device("meta"):
        layer = library.FeedForward(x.shape[-1])
    layer[0] = torch.nn.Identity()
    return x + gate.tanh() * _call(layer, {"1.weight": W1.T, "3.weight": W2.T}, x)
