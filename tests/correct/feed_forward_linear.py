"""Feed-forwards through F.linear in float32, rounded once at the end."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    w1, c1, w2, c2 = (t.to(wide) for t in (W1, b1, W2, b2))
    hidden = ACTIVATIONS[activation](F.linear(x.to(wide), w1.t(), c1))
    return F.linear(hidden, w2.t(), c2).to(x.dtype)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    gate, value = ACTIVATIONS[activation](F.linear(y, W.t().to(wide))), F.linear(y, V.t().to(wide))
    return F.linear(gate * value, W2.t().to(wide)).to(x.dtype)


def output_projection(h, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    return F.linear(h.to(wide), W.t().to(wide)).to(h.dtype)
