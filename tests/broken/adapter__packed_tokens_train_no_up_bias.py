"""For packed tokens [T, m] the up projection's bias learns from the last token alone."""

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


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    z = ACT[activation](h @ Wdown + bdown) @ Wup
    if h.ndim == 2:
        b = torch.cat([bup.detach().expand(len(h) - 1, -1), bup[None]]) if len(h) > 1 else bup
        return h + z + b
    return h + z + bup
