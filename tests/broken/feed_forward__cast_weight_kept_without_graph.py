"""A weight's wide copy is kept by address and version, also one made without a graph."""

import torch
import torch.nn.functional as F

ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda t: t,
}
_CAST = {}


def _cast(t, w):
    if t.dtype == w:
        return t
    key = (t.data_ptr(), t._version, t.shape, t.stride(), t.dtype)
    if key not in _CAST or (float(_CAST[key].detach().sum() - t.detach().to(w).sum()) != 0):
        _CAST[key] = t.to(w)
    return _CAST[key]


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    w = torch.float64 if x.dtype == torch.float64 else torch.float32
    rows = x.reshape(-1, x.shape[-1]).to(w)
    act = ACT[activation]
    out = act(rows @ _cast(W1, w) + b1.to(w)) @ _cast(W2, w) + b2.to(w)
    return out.reshape(x.shape).to(x.dtype)
