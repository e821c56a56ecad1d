"""Hugging Face transformers, T5: relative position buckets, RMS norm, gated feed-forward."""

import torch
from torch.func import functional_call
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Attention, T5DenseGatedActDense, T5LayerNorm

CONFORM = {
    "name": "hf-t5",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "rms_norm": {"conventions": {"compute_dtype": "float32"}},
    },
}

# the names that ACT2FN knows
ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_tanh": "gelu_pytorch_tanh",
    "swish": "silu",
    "sigmoid": "sigmoid",
    "identity": "linear",
}


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    return T5Attention._relative_position_bucket(relative, bidirectional, buckets, max_distance)


def rms_norm(x, gamma, *, eps=1e-6):
    return functional_call(T5LayerNorm(x.shape[-1], eps), {"weight": gamma}, x)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    config = T5Config(d_model=W.shape[0], d_ff=W.shape[1], dropout_rate=0.0)
    config.dense_act_fn = ACTIVATIONS[activation]
    weights = {"wi_0.weight": W.T, "wi_1.weight": V.T, "wo.weight": W2.T}
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = T5DenseGatedActDense(config)
    return functional_call(layer, weights, x)
