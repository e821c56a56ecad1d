"""peft's LoKr layer: its weight update, and how it splits sizes."""

import torch
from peft import LoKrConfig
from peft.tuners.lokr import Linear
from peft.tuners.lokr.layer import factorization

CONFORM = {
    "name": "peft-lokr",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"lokr_delta": {"differentiable": True, "strides": "contiguous"}},
}


class Layer(Linear):
    def forward(self):
        return self.get_delta_weight("default")


def lokr_delta(C, A, B, *, alpha):
    with torch.device("meta"):
        base = torch.nn.Linear(C.shape[1] * A.shape[1], C.shape[0] * B.shape[0], bias=False)
        layer = Layer(base, "default", LoKrConfig(), r=A.shape[0], alpha=alpha)
        # The sizes are given, whatever the layer would have chosen.
        layer.lokr_w1.clear(), layer.lokr_w2.clear(), layer.lokr_w2_a.clear()
        shape = ((C.shape[0], B.shape[0]), (C.shape[1], A.shape[1]))
        layer.create_adapter_parameters("default", A.shape[0], shape, True, False, False)
    names = ("lokr_w1", "lokr_w2_b", "lokr_w2_a")
    values = {f"{n}.default": w for n, w in zip(names, (C, A, B), strict=True)}
    return torch.func.functional_call(layer, values, ())


def lokr_factors(n, *, factor=-1):
    return factorization(n, factor)
