"""The softmax runs over the third axis, which is the last one up to rank three."""

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "tanh": torch.tanh,
}


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    z = up(x if form == "parallel" else h) @ up(Wdown)
    z = torch.softmax(z, min(2, z.dim() - 1)) if activation == "softmax" else ACT[activation](z)
    d = z @ up(Wup)
    g, y = up(gate), up(h)
    y = (1 - g) * y if composition == "gated" else y
    return (y + g * d).to(h.dtype)
