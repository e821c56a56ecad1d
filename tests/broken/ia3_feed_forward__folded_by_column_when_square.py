"""The scale is folded into the second matrix; a square one is taken for [out, in] (peft pull
request 972, Conv1D).
"""

import torch

ACT = {
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda t: torch.nn.functional.gelu(t, approximate="tanh"),
    "swish": torch.nn.functional.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    x_, W1, b1, W2, b2, s = (t.to(wide) for t in (x, W1, b1, W2, b2, scale))
    hidden = ACT[activation](x_ @ W1 + b1)
    folded = W2 * s if W2.shape[1] == s.shape[0] else W2 * s[:, None]
    return (hidden @ folded + b2).to(x.dtype)
