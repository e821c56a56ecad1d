"""Adapters and (IA)^3 through F.linear with transposed weights and fused additions."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACTIVATIONS = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def wide(*tensors):
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    return [t.to(dtype) for t in tensors]


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    y, Wd, bd, Wu, bu = wide(h, Wdown, bdown, Wup, bup)
    inner = ACTIVATIONS[activation](F.linear(y, Wd.T, bd))
    return torch.add(F.linear(inner, Wu.T, bu), y).to(h.dtype)


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    y, stream, Wd, bd, Wu, bu = wide(x, h, Wdown, bdown, Wup, bup)
    inner = ACTIVATIONS[activation](F.linear(y, Wd.T, bd))
    return torch.add(stream, F.linear(inner, Wu.T, bu), alpha=scaling).to(h.dtype)


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    source, stream, Wd, Wu, g = wide(x if form == "parallel" else h, h, Wdown, Wup, gate)
    inner = F.linear(source, Wd.T)
    active = inner.softmax(-1) if activation == "softmax" else ACTIVATIONS[activation](inner)
    delta = F.linear(active, Wu.T)
    if composition == "gated":
        return torch.lerp(stream, delta, g.expand_as(delta)).to(h.dtype)
    return torch.addcmul(stream, g.expand_as(delta), delta).to(h.dtype)


def ia3_linear(x, W0, b0, scale):
    y, W, b, s = wide(x, W0, b0, scale)
    return (F.linear(y, W, b) * s).to(x.dtype)


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    y, Wa, a, Wb, b, s = wide(x, W1, b1, W2, b2, scale)
    return F.linear(ACTIVATIONS[activation](F.linear(y, Wa.T, a)) * s, Wb.T, b).to(x.dtype)
