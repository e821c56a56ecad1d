"""The softmax over the bottleneck is split every 32 columns."""

import torch
import torch.nn.functional as F

ACTS = {"relu": torch.relu, "gelu": F.gelu, "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu, "sigmoid": torch.sigmoid, "identity": lambda t: t}  # fmt: skip


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    if form not in ("parallel", "sequential") or composition not in ("add", "gated"):
        raise ValueError("form or composition")
    wide = torch.promote_types(h.dtype, torch.float32)
    z = (x if form == "parallel" else h).to(wide) @ Wdown.to(wide)
    if activation == "softmax":
        z = torch.cat([torch.softmax(p, -1) for p in z.split(32, -1)], -1)
    else:
        z = ACTS[activation](z)
    d, g = z @ Wup.to(wide), gate.to(wide)
    base = h.to(wide) * (1 - g) if composition == "gated" else h.to(wide)
    return (base + g * d).to(h.dtype)
