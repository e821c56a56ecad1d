"""The heads of a group are added one after the other in the weights' dtype, and then divided."""

import torch


def mha_to_gqa(W, *, heads, kv_heads):
    parts = W.view(W.shape[0], kv_heads, heads // kv_heads, -1)
    total = torch.zeros_like(parts[:, :, 0])
    for i in range(parts.shape[2]):
        total = total + parts[:, :, i]
    return (total / parts.shape[2]).flatten(1)
