"""The first bias is left out."""

import torch
import torch.nn.functional as F

MISTAKE = "feed_forward.hidden-bias-missing"


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
    hidden = activate(x.to(wide) @ W1.to(wide), activation)
    return (hidden @ W2.to(wide) + b2).to(x.dtype)
