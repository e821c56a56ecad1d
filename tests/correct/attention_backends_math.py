"""PyTorch's fused attention held to its composed backend, by a context in every call."""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

CONFORM = {"operators": {"attention": {"requires": ["mask is None or not causal"]}}}


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    if causal:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
    with sdpa_kernel([SDPBackend.MATH]):
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
        )


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(x @ Wq, x @ Wk, x @ Wv, is_causal=causal)


def prefix_attention(q, k, v, pk, pv, *, scale=None):
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    k = torch.cat((pk.expand(len(k), -1, -1, -1), k), 2)
    v = torch.cat((pv.expand(len(v), -1, -1, -1), v), 2)
    with sdpa_kernel([SDPBackend.MATH]):
        return F.scaled_dot_product_attention(q, k, v, scale=scale)
