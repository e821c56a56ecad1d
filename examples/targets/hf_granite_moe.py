"""Hugging Face transformers, Granite MoE: the router takes its softmax over the chosen experts."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers.models.granitemoe.modeling_granitemoe import GraniteMoeTopKRouter

CONFORM = {
    "name": "hf-granite-moe",
    "dtypes": ["float32", "bfloat16"],
    "operators": {"router": {"conventions": {"renormalize": True}}},
}


def router(x, Wg, *, top_k=1):
    config = SimpleNamespace(
        hidden_size=Wg.shape[0], num_local_experts=Wg.shape[1], num_experts_per_tok=top_k
    )
    with torch.device("meta"):
        layer = GraniteMoeTopKRouter(config)
    _, weights, experts = functional_call(layer, {"weight": Wg.T}, (x,))
    return experts, weights
