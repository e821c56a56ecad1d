"""The learned vector multiplies what goes into the activation, where ReLU hides its sign."""

import torch
import torch.nn.functional as F

MISTAKE = "ia3_feed_forward.before-the-activation"
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu, "identity": lambda t: t}


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    inner = ACTIVATIONS[activation]((x.to(wide) @ W1.to(wide) + b1) * scale)
    return (inner @ W2.to(wide) + b2).to(x.dtype)
