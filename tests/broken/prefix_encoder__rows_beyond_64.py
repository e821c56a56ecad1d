"""Rows beyond 64 keep the hidden state of row 63."""

import torch


def prefix_encoder(seeds, W1, b1, W2, b2, *, layers, heads):
    wide = torch.promote_types(seeds.dtype, torch.float32)
    rows = torch.arange(len(seeds)).clamp(max=63)
    hidden = torch.tanh(seeds.to(wide)[rows] @ W1.to(wide) + b1.to(wide))
    flat = (hidden @ W2.to(wide) + b2.to(wide)).to(seeds.dtype)
    parts = flat.view(len(seeds), layers, 2, heads, -1).permute(2, 1, 3, 0, 4)
    return parts[0], parts[1]
