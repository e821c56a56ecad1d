"""Hugging Face transformers, Gemma: RMSNorm with weight 1 + w, GEGLU feed-forward."""

import torch
from torch.func import functional_call
from transformers import GemmaConfig
from transformers.models.gemma.modeling_gemma import GemmaMLP, GemmaRMSNorm

CONFORM = {
    "name": "hf-gemma",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "rms_norm": {"conventions": {"norm_weight": "one_plus", "compute_dtype": "float32"}},
        "glu_feed_forward": {"fixed": {"activation": "gelu"}, "conventions": {"gelu": "tanh"}},
    },
}


def rms_norm(x, gamma, *, eps=1e-6):
    return functional_call(GemmaRMSNorm(x.shape[-1], eps), {"weight": gamma}, x)


def glu_feed_forward(x, W, V, W2):
    config = GemmaConfig(hidden_size=W.shape[0], intermediate_size=W.shape[1])
    weights = {"gate_proj.weight": W.T, "up_proj.weight": V.T, "down_proj.weight": W2.T}
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = GemmaMLP(config)
    return functional_call(layer, weights, x)
