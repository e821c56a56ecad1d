"""A scaling of zero is falsy and taken for one."""

import torch
import torch.nn.functional as F

ACTS = {"relu": torch.relu, "gelu": F.gelu, "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu, "sigmoid": torch.sigmoid, "identity": lambda t: t}  # fmt: skip


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    if activation not in ACTS:
        raise ValueError(activation)
    wide = torch.promote_types(h.dtype, torch.float32)
    t = ACTS[activation](x.to(wide) @ Wdown.to(wide) + bdown.to(wide))
    return (h.to(wide) + (scaling or 1.0) * (t @ Wup.to(wide) + bup.to(wide))).to(h.dtype)
