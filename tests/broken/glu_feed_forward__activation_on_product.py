"""The activation is applied after the product of the branches."""

import torch
import torch.nn.functional as F

MISTAKE = "glu_feed_forward.activation-after-the-product"


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
    return (activate(gate * value, activation) @ W2.to(wide)).to(x.dtype)
