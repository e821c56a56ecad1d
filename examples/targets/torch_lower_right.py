"""torch.nn.attention.bias: causal attention aligned to the lower right corner."""

import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

CONFORM = {
    "name": "torch-lower-right",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {"attention": {"fixed": {"causal": True}}},
}


def attention(q, k, v, *, scale=None):
    return F.scaled_dot_product_attention(
        q, k, v, causal_lower_right(q.shape[2], k.shape[2]),
        scale=scale, enable_gqa=q.shape[1] != k.shape[1],
    )  # fmt: skip
