"""In a gated composition the hidden state learns through the stream, not the map that reads it."""

import torch
import torch.nn.functional as F

ACTIVATIONS = {
    "relu": torch.relu,
    "identity": lambda x: x,
    "softmax": lambda x: torch.softmax(x, -1),
    "gelu": F.gelu,
}


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    wide = torch.promote_types(h.dtype, torch.float32)
    source = (x if form == "parallel" else h).to(wide)
    if form == "sequential" and composition == "gated":
        source = source.detach()
    delta = ACTIVATIONS[activation](source @ Wdown.to(wide)) @ Wup.to(wide)
    share = gate.to(wide)
    kept = h.to(wide) * (1 - share if composition == "gated" else 1)
    return (kept + share * delta).to(h.dtype)
