"""Hugging Face transformers, Qwen3 MoE: the router without renormalised weights."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeTopKRouter

CONFORM = {"name": "hf-qwen3-moe", "dtypes": ["float32", "bfloat16"]}


def router(x, Wg, *, top_k=1):
    config = SimpleNamespace(
        hidden_size=Wg.shape[0],
        num_experts=Wg.shape[1],
        num_experts_per_tok=top_k,
        norm_topk_prob=False,
    )
    with torch.device("meta"):
        layer = Qwen3MoeTopKRouter(config)
    _, weights, experts = functional_call(layer, {"weight": Wg.T}, (x,))
    return experts, weights
