"""Chunked attention sold as a sliding window: nothing passes from chunk to chunk."""

import torch
import torch.nn.functional as F

MISTAKE = "sliding_window_stack.blocks"


def sliding_window_stack(x, attn, *, window, heads=1):
    at = torch.arange(x.shape[1])
    distance = at[:, None] - at
    mask = (distance >= 0) & (at[:, None] // window == at // window)
    for n in range(attn.shape[0]):
        q, k, v = ((x @ w).unflatten(-1, (heads, -1)).transpose(1, 2) for w in attn[n, :3])
        o = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + o.transpose(1, 2).flatten(2) @ attn[n, 3]
    return x
