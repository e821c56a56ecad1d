"""mixture-of-experts: two experts a token, renormalised, with room for every token."""

import torch
from mixture_of_experts import MoE
from torch.func import functional_call

CONFORM = {
    "name": "mixture-of-experts",
    "dtypes": ["float32"],  # gates and masks are float32
    "operators": {
        "moe_layer": {
            "limits": {"top_k": [2], "N": {"min": 2}},
            "conventions": {"renormalize": "true"},
            "fixed": {"capacity_factor": None},
        },
    },
}


def moe_layer(x, Wg, W1, W2, *, top_k=1):
    experts = Wg.shape[1]
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = MoE(
            x.shape[1], num_experts=experts, hidden_dim=W1.shape[2], second_policy_eval="all",
            capacity_factor_eval=experts + 1.0,
        )  # fmt: skip
    weights = {"gate.w_gating": Wg, "experts.w1": W1, "experts.w2": W2}
    return functional_call(layer.eval(), weights, x[None])[0][0]
