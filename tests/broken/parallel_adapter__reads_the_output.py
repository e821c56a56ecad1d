"""A serial adapter under the parallel one's name: it reads the sublayer's output."""

import torch
import torch.nn.functional as F

MISTAKE = "parallel_adapter.reads-the-output"
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu, "identity": lambda t: t}


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    wide = torch.promote_types(h.dtype, torch.float32)
    y = h.to(wide)
    inner = ACTIVATIONS[activation](y @ Wdown.to(wide) + bdown)
    return (y + scaling * (inner @ Wup.to(wide) + bup)).to(h.dtype)
