"""Visual fusion by fused attention in float32, masks as additive bias."""

import torch
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def attend(x, memory, Wq, Wk, Wv, Wo, heads, mask=None, causal=False):
    q, k, v = (
        (a @ up(W)).unflatten(-1, (heads, W.shape[1] // heads)).transpose(1, 2)
        for a, W in ((x, Wq), (memory, Wk), (memory, Wv))
    )
    o = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    return o.transpose(1, 2).flatten(2) @ up(Wo)


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    some = torch.ones(*x.shape[:2], 1, dtype=torch.bool) if mask is None else mask.any(-1, True)
    bias = None
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=up(x).dtype).masked_fill(~mask, -torch.inf)
        bias = torch.where(some, bias, 0.0).unsqueeze(1)
    update = attend(up(x), up(visual), Wq, Wk, Wv, Wo, heads, bias)
    return (up(x) + torch.tanh(up(gate)) * torch.where(some, update, 0.0)).to(x.dtype)


def act(x, name):
    if name == "squared_relu":
        return torch.relu(x) ** 2
    return gelu(x) if name == "gelu" else torch.relu(x)


def gated_feed_forward(x, W1, W2, gate, *, activation="squared_relu"):
    inner = act(up(x) @ up(W1), activation) @ up(W2)
    return torch.addcmul(up(x), torch.tanh(up(gate)), inner).to(x.dtype)


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    z = torch.cat([up(visual), up(text)], 1)
    y = (z + attend(z, z, Wq, Wk, Wv, Wo, heads, causal=causal)).to(text.dtype)
    return tuple(y.split([visual.shape[1], text.shape[1]], 1))


def spatial_cross_attention(x, context, Wq, Wk, Wv, Wo, *, heads):
    pixels = up(x).permute(0, 2, 3, 1).flatten(1, 2)
    out = pixels + attend(pixels, up(context), Wq, Wk, Wv, Wo, heads)
    return out.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2).to(x.dtype)


def perceiver_resampler(
    features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2, *, heads, activation="squared_relu"
):
    media = (up(features) + up(time)[:, None]).flatten(1, 2)
    x = up(latents).repeat(len(features), 1, 1)
    for n, of_layer in enumerate(up(norms)):
        f, own, y = (
            layer_norm(a, a.shape[-1:], *pair)
            for a, pair in ((media, of_layer[0]), (x, of_layer[1]), (x, of_layer[1]))
        )
        x = x + attend(y, torch.cat([own, f], 1), Wq[n], Wk[n], Wv[n], Wo[n], heads)
        y = layer_norm(x, x.shape[-1:], *of_layer[2])
        x = x + act(y @ up(W1[n]), activation) @ up(W2[n])
    return x.to(features.dtype)


def media_mask(is_media, images, tokens):
    last = is_media.long().cumsum(1) - 1
    own = torch.nn.functional.one_hot(last.clamp(0, images - 1), images).bool()
    own = own & ((last >= 0) & (last < images)).unsqueeze(-1)
    return own.repeat_interleave(tokens, -1)


def interleave_embeddings(text, observations, is_observation):
    rows = []
    for words, seen, marked in zip(text, observations, is_observation, strict=True):
        index = marked.nonzero()[:, 0]
        rows.append(words.index_copy(0, index, seen[: len(index)]))
    return torch.stack(rows)
