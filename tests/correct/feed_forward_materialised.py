"""Feed-forwards as eager code runs them: every intermediate tensor rounded to the input dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def product(x, w):
    """A product accumulated in float32 at least, its result in the dtype of x."""
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.matmul(x.to(wide), w.to(wide)).to(x.dtype)


def activate(x, name):
    if name == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    return {
        "relu": torch.relu,
        "gelu": F.gelu,
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "identity": torch.clone,
    }[name](x)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    return product(activate(product(x, W1) + b1, activation), W2) + b2


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    gate, value = product(x, torch.cat([W, V], dim=1)).chunk(2, dim=-1)  # one fused product
    return product(activate(gate, activation) * value, W2)


def output_projection(h, W):
    return product(h, W)
