"""The bias of the hidden layer is read as vectors of four, and the index wraps at the last whole
one: hidden widths that four does not divide get shifted biases (a fused bias and activation
kernel).
"""

import torch


def act(x, name):
    if name == "relu":
        return torch.relu(x)
    if name == "gelu":
        return torch.nn.functional.gelu(x)
    if name == "gelu_tanh":
        return torch.nn.functional.gelu(x, approximate="tanh")
    if name == "swish":
        return torch.nn.functional.silu(x)
    if name == "sigmoid":
        return torch.sigmoid(x)
    if name == "identity":
        return x
    raise ValueError(f"activation={name!r}")


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    x, w1, c1, w2, c2 = (t.to(wide) for t in (x, W1, b1, W2, b2))
    width = c1.shape[0]
    if width > 4:
        c1 = c1[torch.arange(width) % (width // 4 * 4)]
    return (act(x @ w1 + c1, activation) @ w2 + c2).to(W1.dtype)
