"""Blocks in the input's dtype throughout, as a plain nn.Module in half precision computes them."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def attend(x, memory, weights, heads, causal, biases=(0.0, 0.0, 0.0)):
    parts = (x @ weights[0], memory @ weights[1], memory @ weights[2])
    q, k, v = (
        (y + b).unflatten(-1, (heads, -1)).transpose(1, 2)
        for y, b in zip(parts, biases, strict=True)
    )
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(hidden, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def normed(x, gamma, beta, eps):
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *,
    heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    def attention(z):
        return attend(z, z, (Wq, Wk, Wv), heads, causal) @ Wo

    def forward(z):
        return ACTIVATIONS[activation](z @ W1 + b1) @ W2 + b2

    if norm == "pre":
        x = x + attention(normed(x, gamma1, beta1, eps))
        return x + forward(normed(x, gamma2, beta2, eps))
    x = normed(x + attention(x), gamma1, beta1, eps)
    return normed(x + forward(x), gamma2, beta2, eps)


def biased_attention(x, Wq, bq, Wk, bk, Wv, bv, *, heads, causal=False):
    return attend(x, x, (Wq, Wk, Wv), heads, causal, (bq, bk, bv))


def bert_block(
    x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, gamma1, beta1, W1, b1, W2, b2, gamma2, beta2, *,
    heads, eps=1e-12,
):  # fmt: skip
    h2 = attend(x, x, (Wq, Wk, Wv), heads, False, (bq, bk, bv)) @ Wo + bo
    h3 = normed(h2 + x, gamma1, beta1, eps)
    return normed(F.gelu(h3 @ W1 + b1) @ W2 + b2 + h3, gamma2, beta2, eps)


def llama_adapter_layer(x, prompt, Wq, Wk, Wv, Wo, bo, gate, *, heads, causal=True):
    tokens = attend(x, x, (Wq, Wk, Wv), heads, causal)
    q = (x @ Wq).unflatten(-1, (heads, -1)).transpose(1, 2)
    k, v = ((prompt @ W).unflatten(-1, (heads, -1)).transpose(0, 1) for W in (Wk, Wv))
    weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    prompts = torch.tanh(gate)[:, None, None] * (weights @ v)
    return (tokens + prompts.transpose(1, 2).flatten(2)) @ Wo + bo
