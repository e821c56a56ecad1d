"""A block on nn.MultiheadAttention in evaluation: what has a gradient chooses the algorithm."""

import torch
import torch.nn.functional as F
from torch.func import functional_call

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "transformer_block": {
            "requires": ["E == H * D"],
            "fixed": {"norm": "pre", "causal": False, "activation": "relu"},
        }
    },
}


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *, heads, eps=1e-5
):
    e = x.shape[-1]
    with torch.device("meta"):
        layer = torch.nn.MultiheadAttention(e, heads, batch_first=True, dtype=x.dtype).eval()
    weights = {
        "in_proj_weight": torch.cat([Wq, Wk, Wv], 1).T, "in_proj_bias": x.new_zeros(3 * e),
        "out_proj.weight": Wo.T, "out_proj.bias": x.new_zeros(e),
    }  # fmt: skip
    y = F.layer_norm(x, (e,), gamma1, beta1, eps)
    x = x + functional_call(layer, weights, (y, y, y), {"need_weights": False})[0]
    y = F.layer_norm(x, (e,), gamma2, beta2, eps)
    return x + F.linear(F.relu(F.linear(y, W1.T, b1)), W2.T, b2)
