"""The activation stands behind the up-projection, so the bottleneck is linear."""

import torch
import torch.nn.functional as F

MISTAKE = "adapter.activation-after-up"
ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    wide = torch.promote_types(h.dtype, torch.float32)
    y = h.to(wide)
    small = y @ Wdown.to(wide) + bdown
    return (y + ACTIVATIONS[activation](small @ Wup.to(wide) + bup)).to(h.dtype)
