"""Of four dims the inner bias learns from the first entry alone."""

import torch
import torch.nn.functional as F

ACT = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    h = x @ W1
    inner = torch.cat([h[:1] + b1, h[1:] + b1.detach()]) if x.ndim > 3 else h + b1
    return ACT[activation](inner) @ W2 + b2
