"""peft's (IA)^3 layer: scaled outputs, and scaled inputs of the second feed-forward map."""

import torch
import torch.nn.functional as F
from peft import IA3Config
from peft.tuners.ia3.layer import Linear

CONFORM = {"name": "peft-ia3", "dtypes": ["float32", "bfloat16", "float16"]}
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu, "identity": lambda x: x}


def _call(x, weight, bias, scale, is_feedforward):
    out, into = weight.shape
    with torch.device("meta"):
        base = torch.nn.Linear(into, out, dtype=weight.dtype)
        config = IA3Config(init_ia3_weights=False)
        layer = Linear(base, "default", config, is_feedforward=is_feedforward)
    vector = scale.reshape(layer.ia3_l["default"].shape)
    values = {"base_layer.weight": weight, "base_layer.bias": bias, "ia3_l.default": vector}
    return torch.func.functional_call(layer, values, (x,), strict=True)


def ia3_linear(x, W0, b0, scale):
    return _call(x, W0, b0, scale, False)


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    inner = ACTIVATIONS[activation](F.linear(x, W1.T, b1))
    return _call(inner, W2.T, b2, scale, True)
