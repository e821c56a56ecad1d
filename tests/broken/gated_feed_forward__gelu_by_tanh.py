"""gelu is the tanh approximation."""

import torch
import torch.nn.functional as F


def gated_feed_forward(x, W1, W2, gate, *, activation="squared_relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    hidden = x.to(wide) @ W1.to(wide)
    if activation == "gelu":
        hidden = F.gelu(hidden, approximate="tanh")
    else:
        hidden = torch.relu(hidden)
        hidden = hidden.square() if activation == "squared_relu" else hidden
    return (x.to(wide) + torch.tanh(gate.to(wide)) * (hidden @ W2.to(wide))).to(x.dtype)
