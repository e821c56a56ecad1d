"""Causal as in torch's is_causal: query i sees keys up to i, whatever the lengths (declared)."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"conventions": {"causal": "top_left"}}},
}


def attention(q, k, v, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    q32, k32, v32 = q.to(wide), k.to(wide), v.to(wide)
    o = F.scaled_dot_product_attention(
        q32, k32, v32, is_causal=causal, scale=scale, enable_gqa=True
    )
    return o.to(q.dtype)
