"""Attention through scaled_dot_product_attention, which asks a mask for two dimensions or more."""

import torch
from torch.nn.functional import scaled_dot_product_attention

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"conventions": {"masked_rows": "zero"}}},
}


def attention(q, k, v, *, mask=None, bias=None, scale=None):
    added = mask
    if bias is not None:
        added = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
    return scaled_dot_product_attention(q, k, v, added, scale=scale, enable_gqa=True)
