"""Activations and softmax as their formulas read in eager PyTorch; every step rounds."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gelu(x, *, approximate="none"):
    if approximate == "tanh":
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
        return 0.5 * x * (1.0 + torch.tanh(inner))
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def swish(x, *, beta=1.0):
    return x * torch.sigmoid(beta * x)


def softmax(x):
    powers = torch.exp(x - x.detach().max(-1, keepdim=True).values) if x.shape[-1] else x
    return powers / powers.sum(-1, keepdim=True)


ACTIVATIONS = {
    "relu": F.relu,
    "gelu": gelu,
    "gelu_tanh": lambda x: gelu(x, approximate="tanh"),
    "swish": swish,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    return F.linear(ACTIVATIONS[activation](F.linear(x, W1.T, b1)), W2.T, b2)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    return (ACTIVATIONS[activation](x @ W) * (x @ V)) @ W2


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    return h + F.linear(ACTIVATIONS[activation](F.linear(h, Wdown.T, bdown)), Wup.T, bup)
