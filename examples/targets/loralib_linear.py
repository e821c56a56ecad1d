"""loralib: the LoRA layer of the paper's authors, as two branches and merged by eval()."""

import torch
from loralib import Linear
from torch.func import functional_call

CONFORM = {"name": "loralib", "dtypes": ["float32", "bfloat16", "float16", "float64"]}


def _layer(W0, A, alpha):
    with torch.random.fork_rng():  # initial weights are drawn
        layer = Linear(W0.shape[1], W0.shape[0], r=A.shape[0], lora_alpha=alpha, bias=False)
    return layer.to(W0.dtype)


def lora_linear(x, W0, A, B, *, alpha):
    return functional_call(_layer(W0, A, alpha), {"weight": W0, "lora_A": A, "lora_B": B}, x)


def lora_merge(W0, A, B, *, alpha):
    layer = _layer(W0, A, alpha)
    layer.load_state_dict({"weight": W0, "lora_A": A, "lora_B": B})
    layer.eval()  # merges, and returns None
    return layer.weight.detach()
