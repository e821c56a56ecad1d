"""The activation is always swish."""

import torch
import torch.nn.functional as F

MISTAKE = "glu_feed_forward.always-swish"


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


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    wide = torch.promote_types(x.dtype, torch.float32)
    gate, value = x.to(wide) @ W.to(wide), x.to(wide) @ V.to(wide)
    return ((activate(gate, "swish") * value) @ W2.to(wide)).to(x.dtype)
