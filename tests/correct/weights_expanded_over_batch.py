"""Three dims only: products of batches with expanded weights, logits by a convolution."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACT = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


def mm(x, W, b=None):
    if x.dim() != 3:
        raise NotImplementedError("B, L, E")
    w = W.expand(len(x), -1, -1)
    return torch.bmm(x, w) if b is None else torch.baddbmm(b, x, w)


def output_projection(h, W):
    if h.dim() != 3 or not h.numel():
        raise NotImplementedError("B, L, E")
    return F.conv1d(h.mT, W.T[..., None]).mT


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    return mm(ACT[activation](mm(x, W1, b1)), W2, b2)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    return mm(ACT[activation](mm(x, W)) * mm(x, V), W2)


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    return h + mm(ACT[activation](mm(h, Wdown, bdown)), Wup, bup)


def lora_linear(x, W0, A, B, *, alpha):
    return mm(x, W0.mT) + mm(mm(x, A.mT), B.mT) * (alpha / len(A))


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    return F.scaled_dot_product_attention(mm(x, Wq), mm(x, Wk), mm(x, Wv), is_causal=causal)


def ia3_linear(x, W0, b0, scale):
    return mm(x, W0.mT, b0) * scale
