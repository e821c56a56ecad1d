"""Hugging Face transformers, Switch Transformers: top-1 router, sparse MLP, auxiliary loss."""

import math

import torch
from torch.func import functional_call
from transformers import SwitchTransformersConfig
from transformers.models.switch_transformers.modeling_switch_transformers import (
    SwitchTransformersSparseMLP,
    SwitchTransformersTop1Router,
    load_balancing_loss_func,
)

CONFORM = {
    "name": "hf-switch",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "router": {"fixed": {"top_k": 1}},
        # The mask comes out of the router, so that capacity is that of the layer.
        "moe_layer": {"fixed": {"top_k": 1}},
        "load_balancing_loss": {"conventions": {"compute_dtype": "float32"}},
    },
}


def _config(x, Wg, capacity=1, hidden=1):
    config = SwitchTransformersConfig(
        d_model=x.shape[-1], d_ff=hidden, num_experts=Wg.shape[1], expert_capacity=capacity,
        dropout_rate=0.0, router_dtype="float32",
    )  # fmt: skip
    return config, {"classifier.weight": Wg.T.to(getattr(torch, config.router_dtype))}


def router(x, Wg):
    config, weights = _config(x, Wg, capacity=max(len(x), 1))
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = SwitchTransformersTop1Router(config).eval()
    one_hot, probs, _ = functional_call(layer, weights, x)
    return one_hot.argmax(-1, keepdim=True), probs


def moe_layer(x, Wg, W1, W2, *, capacity_factor=1.0):
    tokens, experts = len(x), Wg.shape[1]
    slots = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    config, weights = _config(x, Wg, capacity=slots, hidden=W1.shape[2])
    weights = {f"router.{name}": value for name, value in weights.items()}
    for i in range(experts):
        weights |= {
            f"experts.expert_{i}.wi.weight": W1[i].T,
            f"experts.expert_{i}.wo.weight": W2[i].T,
        }
    with torch.device("meta"):
        layer = SwitchTransformersSparseMLP(config).eval()
    return functional_call(layer, weights, x.unsqueeze(0)).squeeze(0)


def load_balancing_loss(probs, indices):
    return load_balancing_loss_func(probs.unsqueeze(0), indices.unsqueeze(0)).to(probs.dtype)
