"""Hugging Face transformers, Phi-3: a gated feed-forward whose two first maps are one."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers.models.phi3.modeling_phi3 import Phi3MLP

CONFORM = {"name": "hf-phi3", "dtypes": ["float32", "bfloat16"]}
NAMES = {"swish": "silu", "identity": "linear"}


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    width, hidden = W.shape
    config = SimpleNamespace(
        hidden_size=width, intermediate_size=hidden, hidden_act=NAMES.get(activation, activation)
    )
    with torch.device("meta"):
        layer = Phi3MLP(config)
    weights = {"gate_up_proj.weight": torch.cat([W, V], 1).T, "down_proj.weight": W2.T}
    return functional_call(layer, weights, x)
