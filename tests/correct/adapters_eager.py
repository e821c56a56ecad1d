"""Adapters, gated prompts and (IA)^3 in the input's dtype throughout, one rounding an operation."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"llama_adapter_attention": {"rounding": "scores-in-dtype"}},
}
ACTIVATIONS = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    return h + (ACTIVATIONS[activation](h @ Wdown + bdown) @ Wup + bup)


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    return h + scaling * (ACTIVATIONS[activation](x @ Wdown + bdown) @ Wup + bup)


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    inner = (x if form == "parallel" else h) @ Wdown
    active = inner.softmax(-1) if activation == "softmax" else ACTIVATIONS[activation](inner)
    delta = gate * (active @ Wup)
    return (h if composition == "add" else (1 - gate) * h) + delta


def ia3_linear(x, W0, b0, scale):
    return F.linear(x, W0, b0) * scale


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    return (ACTIVATIONS[activation](x @ W1 + b1) * scale) @ W2 + b2


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    visible = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    if causal:
        visible = visible.tril(k.shape[2] - q.shape[2])
    scale = q.shape[-1] ** -0.5
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(~visible, -torch.inf)
    some = visible.any(-1, keepdim=True)
    weights = torch.where(some, scores.masked_fill(~some, 0.0).float().softmax(-1), 0.0)
    if q.dtype is torch.float64:
        weights = torch.where(some, scores.masked_fill(~some, 0.0).softmax(-1), 0.0)
    prompts = (q @ pk.transpose(-1, -2) * scale).softmax(-1)
    return weights.to(q.dtype) @ v + torch.tanh(gate)[:, None, None] * (prompts @ pv)
