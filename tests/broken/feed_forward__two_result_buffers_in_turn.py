"""Results without a gradient lie in two buffers in turn, as workspaces that are filled while the
other one is read: the third call writes over the first one's result.
"""

import torch
import torch.nn.functional as F

POOL, NEXT = {}, {}
ACT = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    hidden = ACT[activation](x.to(wide) @ W1.to(wide) + b1)
    y = (hidden @ W2.to(wide) + b2).to(x.dtype)
    if torch.is_grad_enabled() and y.requires_grad:
        return y
    key = (tuple(y.shape), y.dtype)
    slots = POOL.setdefault(key, [torch.empty_like(y) for _ in range(2)])
    turn = NEXT[key] = (NEXT.get(key, 0) + 1) % 2
    return slots[turn].copy_(y)
