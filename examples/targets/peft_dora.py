"""peft's DoRA layer: forward pass with the norm detached, and merge."""

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear

CONFORM = {
    "name": "peft-dora",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "dora_linear": {"conventions": {"dora_gradient": "detached"}},
        "dora_merge": {"differentiable": False},
    },
}
NAMES = ("base_layer.weight", "lora_A.default.weight", "lora_B.default.weight",
         "lora_magnitude_vector.default.weight")  # fmt: skip


def _layer(W0, A, B, alpha):
    base = torch.nn.utils.skip_init(torch.nn.Linear, *W0.T.shape, bias=False, dtype=W0.dtype)
    base.weight.data.fill_(1.0)  # the constructor norms it
    config = LoraConfig(use_dora=True, init_lora_weights=False)
    with torch.random.fork_rng():
        return Linear(base, "default", config, r=A.shape[0], lora_alpha=alpha)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    values = dict(zip(NAMES, (W0, A, B, magnitude), strict=True))
    return torch.func.functional_call(_layer(W0, A, B, alpha), values, (x,), strict=True)


def dora_merge(W0, A, B, magnitude, *, alpha):
    layer = _layer(W0, A, B, alpha)
    for name, value in zip(NAMES, (W0, A, B, magnitude), strict=True):
        layer.get_parameter(name).data = value.detach().clone()
    layer.merge(safe_merge=True)
    return layer.base_layer.weight.detach()
