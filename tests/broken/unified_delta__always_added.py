"""The gated composition of prefix tuning is left out: every change is added."""

import torch
import torch.nn.functional as F

MISTAKE = "unified_delta.always-added"
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "identity": lambda t: t}


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    wide = torch.promote_types(h.dtype, torch.float32)
    inner = (x if form == "parallel" else h).to(wide) @ Wdown.to(wide)
    active = inner.softmax(-1) if activation == "softmax" else ACTIVATIONS[activation](inner)
    return (h + gate.to(wide) * (active @ Wup.to(wide))).to(h.dtype)
