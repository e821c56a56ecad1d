"""The first token's hidden layer is added to the others' where there are any."""

import torch
import torch.nn.functional as F


def activate(x, name):
    table = {
        "relu": F.relu,
        "gelu": F.gelu,
        "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda t: t,
    }
    return table[name](x)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    hidden = activate(x.to(wide) @ W1.to(wide) + b1, activation)
    hidden = hidden + 0.01 * hidden.flatten(0, -2)[:1].sum(0) if hidden.dim() > 1 else hidden
    return (hidden @ W2.to(wide) + b2).to(x.dtype)
