"""Layers called once for each sequence, so that gradients of weights add up call by call, in the
weights' dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}


def each(layer, x, width):
    return torch.stack([layer(row) for row in x]) if len(x) else x.new_zeros(*x.shape[:-1], width)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    def layer(row):
        return F.linear(ACTIVATIONS[activation](F.linear(row, W1.T, b1)), W2.T, b2)

    return each(layer, x, W2.shape[1])


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    def layer(row):
        return row + F.linear(ACTIVATIONS[activation](F.linear(row, Wdown.T, bdown)), Wup.T, bup)

    return each(layer, h, h.shape[-1])


def mlp_score(h, s, W1, b1, W2, b2):
    def layer(row):
        states, state = row
        both = torch.cat([states, state.expand(len(states), -1)], -1)
        return F.linear(F.relu(F.linear(both, W1.T, b1)), W2.T, b2)[:, 0]

    rows = [layer(row) for row in zip(h, s, strict=True)]
    return torch.stack(rows) if rows else h.new_zeros(h.shape[:2])


def layer_norm(x, gamma=None, beta=None, *, eps=1e-5):
    def layer(row):
        return F.layer_norm(row, row.shape[-1:], gamma, beta, eps)

    return each(layer, x, x.shape[-1])
