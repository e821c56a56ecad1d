"""A plain ReLU whatever is asked."""

import torch

MISTAKE = "gated_feed_forward.relu-not-squared"


def gated_feed_forward(x, W1, W2, gate, *, activation="squared_relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    inner = torch.relu(x.to(wide) @ W1.to(wide))
    return (x.to(wide) + torch.tanh(gate.to(wide)) * (inner @ W2.to(wide))).to(x.dtype)
