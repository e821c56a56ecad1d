"""GEGLU activates both halves (trident #101)."""

import torch
import torch.nn.functional as F

ACT = {
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
    "relu": torch.relu,
    "gelu": F.gelu,
    "swish": F.silu,
}


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W, V, W2 = (t.to(wide) for t in (x, W, V, W2))
    up = h @ V
    if activation == "gelu":
        up = F.gelu(up)
    return ((ACT[activation](h @ W) * up) @ W2).to(x.dtype)
