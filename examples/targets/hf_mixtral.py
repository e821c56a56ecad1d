"""Hugging Face transformers, Mixtral: top-k router whose weights are renormalised."""

import torch
from torch.func import functional_call
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter

CONFORM = {
    "name": "hf-mixtral",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "router": {"conventions": {"renormalize": "true", "compute_dtype": "float32"}},
    },
}


def router(x, Wg, *, top_k=1):
    config = MixtralConfig(
        hidden_size=x.shape[1], num_local_experts=Wg.shape[1], num_experts_per_tok=top_k
    )
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = MixtralTopKRouter(config)
    _, weights, indices = functional_call(layer, {"weight": Wg.T}, x)
    return indices, weights.to(x.dtype)
