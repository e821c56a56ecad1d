"""From 257 tokens on only whole tiles of 256 are written."""

import torch
import torch.nn.functional as F

ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
    "relu": torch.relu,
    "gelu": F.gelu,
    "swish": F.silu,
}


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, w, u, d = (t.to(wide) for t in (x, W, V, W2))
    hidden = ACTIVATIONS[activation](y @ w) * (y @ u)
    out = hidden @ d
    rows = out.flatten(0, -2)
    if len(rows) > 256:
        whole = (torch.arange(len(rows)) < len(rows) // 256 * 256)[:, None]
        out = (rows * whole).view_as(out)
    return out.to(x.dtype)
