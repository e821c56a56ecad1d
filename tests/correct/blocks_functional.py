"""Blocks from F.layer_norm, SDPA and F.linear in float32, rounded once at the end."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def wide(*tensors):
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    return [t.to(dtype) for t in tensors]


def attend(x, memory, weights, heads, causal):
    q, k, v = (y @ W for y, W in zip((x, memory, memory), weights, strict=False))
    q, k, v = (y.unflatten(-1, (heads, -1)).transpose(1, 2) for y in (q, k, v))
    o = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return o.transpose(1, 2).flatten(2) @ weights[3]


def forward(x, weights, activation):
    W1, b1, W2, b2 = weights
    return F.linear(ACTIVATIONS[activation](F.linear(x, W1.T, b1)), W2.T, b2)


def normed(x, pair, eps):
    return F.layer_norm(x, x.shape[-1:], *pair, eps)


def add(x, sublayer, pair, norm, eps):
    if norm == "pre":
        return x + sublayer(normed(x, pair, eps))
    return normed(x + sublayer(x), pair, eps)


def block(y, w, heads, causal, norm, activation, eps):
    y = add(y, lambda z: attend(z, z, w[:4], heads, causal), w[8:10], norm, eps)
    return add(y, lambda z: forward(z, w[4:8], activation), w[10:12], norm, eps)


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *,
    heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    y, *w = wide(x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    return block(y, w, heads, causal, norm, activation, eps).to(x.dtype)


def pre_norm_stack(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma, beta, *,
    heads, causal=False, activation="relu", eps=1e-5,
):  # fmt: skip
    y, *w = wide(x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma, beta)
    for layer in zip(*w[:12], strict=True):
        y = block(y, layer, heads, causal, "pre", activation, eps)
    return normed(y, w[12:], eps).to(x.dtype)


def decoder_block(
    x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2,
    gamma1, beta1, gamma2, beta2, gamma3, beta3, *,
    heads, norm="post", activation="relu", eps=1e-5,
):  # fmt: skip
    y, z, *w = wide(
        x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2,
        gamma1, beta1, gamma2, beta2, gamma3, beta3,
    )  # fmt: skip
    y = add(y, lambda t: attend(t, t, w[:4], heads, True), w[12:14], norm, eps)
    y = add(y, lambda t: attend(t, z, w[4:8], heads, False), w[14:16], norm, eps)
    return add(y, lambda t: forward(t, w[8:12], activation), w[16:18], norm, eps).to(x.dtype)


def adapter_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, Wdown, bdown, Wup, bup, *,
    heads, activation="relu", eps=1e-5,
):  # fmt: skip
    y, *w = wide(
        x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, Wdown, bdown, Wup, bup
    )
    adapters = list(zip(*w[12:], strict=True))
    branch = attend(y, y, w[:4], heads, False)
    y = normed(y + (branch + forward(branch, adapters[0], activation)), w[8:10], eps)
    branch = forward(y, w[4:8], activation)
    y = normed(y + (branch + forward(branch, adapters[1], activation)), w[10:12], eps)
    return y.to(x.dtype)
