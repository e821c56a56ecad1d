"""With one choice for each token the capacity is not looked at (DeepSpeed #1658, use_rts=False)."""

import torch
import torch.nn.functional as F


def moe_dispatch(indices, *, experts, capacity):
    tokens, top_k = indices.shape
    if top_k == 1:
        return torch.ones(tokens, 1, dtype=torch.bool)
    chosen = F.one_hot(indices.T.reshape(-1).long(), experts)
    place = ((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1)
    return (place < capacity).view(top_k, tokens).T
