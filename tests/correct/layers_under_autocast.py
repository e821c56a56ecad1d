"""Layers in regions of automatic precision: products in the input's dtype, sums in float32."""

import torch
import torch.nn.functional as F
from torch.nn.functional import linear

CONFORM = {
    "dtypes": ["bfloat16", "float16", "float32"],
    "operators": {"feed_forward": {"limits": {"activation": ["relu", "gelu", "swish"]}}},
}


def region(x):
    """Products in x's dtype; for float32 nothing is lowered."""
    half = x.dtype in (torch.bfloat16, torch.float16)
    return torch.autocast("cpu", dtype=x.dtype if half else torch.bfloat16, enabled=half)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    act = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu}[activation]
    with region(x):
        return linear(act(linear(x.float(), W1.mT, b1)), W2.mT, b2).to(x.dtype)


def glu_feed_forward(x, W, V, W2):
    with region(x):
        return linear(F.silu(linear(x, W.mT)) * linear(x, V.mT), W2.mT).to(x.dtype)


def output_projection(h, W):
    with region(h):
        return torch.matmul(h, W)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    with torch.autocast("cpu", enabled=False):
        y = F.layer_norm(x.float(), gamma.shape, gamma.float(), beta.float(), eps)
    return y.to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    with torch.autocast("cpu", enabled=False):
        y = F.rms_norm(x.float(), gamma.shape, gamma.float(), eps)
    return y.to(x.dtype)


def lora_linear(x, W0, A, B, *, alpha):
    with region(x):
        return linear(x, W0) + linear(linear(x, A), B) * (alpha / A.shape[0])


def language_model_loss(logits, tokens, *, ignore_index=-100):
    with region(logits):
        pred = logits[:, :-1].float().flatten(0, 1)
        return F.cross_entropy(pred, tokens[:, 1:].flatten(), ignore_index=ignore_index)
