"""Hidden units beyond the 256th are not scaled."""

import torch
import torch.nn.functional as F

ACTS = {"relu": torch.relu, "gelu": F.gelu, "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu, "sigmoid": torch.sigmoid, "identity": lambda t: t}  # fmt: skip


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = ACTS[activation](x.to(wide) @ W1.to(wide) + b1.to(wide))
    s = torch.where(torch.arange(len(scale)) < 256, scale.to(wide), 1.0)
    return ((h * s) @ W2.to(wide) + b2.to(wide)).to(x.dtype)
