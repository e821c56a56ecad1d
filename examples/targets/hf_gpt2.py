"""Hugging Face transformers, GPT-2: eager attention with the library's causal mask, MLP, loss."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers import GPT2Config
from transformers.masking_utils import eager_mask
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP, eager_attention_forward

CONFORM = {
    "name": "hf-gpt2",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "attention": {
            "fixed": {"causal": True},
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "mean_of_values"},
            "requires": ["H == K"],
        },
        # Conv1D reshapes its input with .view
        "feed_forward": {"strides": "contiguous"},
    },
}

# the names that ACT2FN knows
ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_tanh": "gelu_new",
    "swish": "silu",
    "sigmoid": "sigmoid",
    "identity": "linear",
}


def attention(q, k, v, *, scale=None):
    lq, lk = q.shape[2], k.shape[2]
    mask = eager_mask(q.shape[0], lq, lk, q_offset=lk - lq, dtype=q.dtype)
    module = SimpleNamespace(training=False)
    return eager_attention_forward(module, q, k, v, mask, scaling=scale)[0].transpose(1, 2)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    name = ACTIVATIONS[activation]
    config = GPT2Config(n_embd=W1.shape[0], resid_pdrop=0.0, activation_function=name)
    weights = {"c_fc.weight": W1, "c_fc.bias": b1, "c_proj.weight": W2, "c_proj.bias": b2}
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = GPT2MLP(W1.shape[1], config)
    return functional_call(layer, weights, x)
