"""peft's LoRA layer: forward pass and merge."""

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear

OPTIONS = {"differentiable": ["x", "A", "B"]}
CONFORM = {
    "name": "peft-lora",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"lora_linear": OPTIONS, "lora_merge": {"differentiable": False}},
}


def _layer(W0, A, B, alpha):
    with torch.device("meta"):
        base = torch.nn.Linear(A.shape[1], B.shape[0], bias=False, dtype=W0.dtype)
        config = LoraConfig(init_lora_weights=False)
        layer = Linear(base, "default", config, r=A.shape[0], lora_alpha=alpha)
    values = {"base_layer.weight": W0, "lora_A.default.weight": A, "lora_B.default.weight": B}
    return layer, values


def lora_linear(x, W0, A, B, *, alpha):
    layer, values = _layer(W0, A, B, alpha)
    return torch.func.functional_call(layer, values, (x,), strict=True)


def lora_merge(W0, A, B, *, alpha):
    layer, values = _layer(W0, A, B, alpha)
    for name, value in values.items():
        owner, _, leaf = name.rpartition(".")
        layer.get_submodule(owner)._parameters[leaf] = torch.nn.Parameter(value.detach().clone())
    layer.merge(safe_merge=True)
    return layer.base_layer.weight.detach()
