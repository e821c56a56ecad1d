"""Functions without options, at values other than the usual ones (declared as fixed)."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "swish": {"fixed": {"beta": 1.702}},
        "glu_feed_forward": {"fixed": {"activation": "gelu"}, "conventions": {"gelu": "tanh"}},
        "feed_forward": {"fixed": {"activation": "swish"}},
        "layer_norm": {"fixed": {"eps": 1e-3}},
        "rms_norm": {"fixed": {"eps": 0.0}},
        "linear_attention": {"fixed": {"causal": True}},
    },
}


def swish(x):
    return x * torch.sigmoid(1.702 * x)


def glu_feed_forward(x, W, V, W2):
    return (F.gelu(x @ W, approximate="tanh") * (x @ V)) @ W2


def feed_forward(x, W1, b1, W2, b2):
    return F.linear(F.silu(F.linear(x, W1.mT, b1)), W2.mT, b2)


def layer_norm(x, gamma, beta):
    return F.layer_norm(x, gamma.shape, gamma, beta, 1e-3)


def rms_norm(x, gamma):
    return (F.normalize(x.float(), dim=-1, eps=0.0) * x.shape[-1] ** 0.5 * gamma).to(x.dtype)


def linear_attention(q, k, v):
    f, g = F.elu(q.float()) + 1, F.elu(k.float()) + 1
    weights = (f @ g.mT).tril()
    return (weights @ v.float() / weights.sum(-1, keepdim=True)).to(v.dtype)
