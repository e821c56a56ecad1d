"""The first bias is added after the activation."""

import torch


def mlp_score(h, s, W1, b1, W2, b2):
    both = torch.cat([h, s[:, None].expand(-1, h.shape[1], -1)], dim=-1)
    return ((torch.relu(both @ W1) + b1) @ W2 + b2)[..., 0]
