"""A second bias of zeros selects the kernel without one, which gives it no gradient."""

import torch
import torch.nn.functional as F

ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = ACT[activation](x.to(wide) @ W1.to(wide) + b1.to(wide)) @ W2.to(wide)
    if bool(b2.any()):
        h = h + b2.to(wide)
    return h.to(x.dtype)
