"""peft's LoHa layer: its weight update, with a backward pass of its own."""

import torch
from peft import LoHaConfig
from peft.tuners.loha import Linear

CONFORM = {
    "name": "peft-loha",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"loha_delta": {"differentiable": True}},
}


class Layer(Linear):
    def forward(self):
        return self.get_delta_weight("default")


def loha_delta(A1, B1, A2, B2, *, alpha):
    with torch.device("meta"):
        base = torch.nn.Linear(A1.shape[1], B1.shape[0], bias=False)
        layer = Layer(base, "default", LoHaConfig(), r=A1.shape[0], alpha=alpha)
    names = ("hada_w1_b", "hada_w1_a", "hada_w2_b", "hada_w2_a")
    values = {f"{n}.default": w for n, w in zip(names, (A1, B1, A2, B2), strict=True)}
    return torch.func.functional_call(layer, values, ())
