"""softmax(dim=0): tokens compete for experts instead of experts for tokens."""

import torch

MISTAKE = "router.over-tokens"


def router(x, Wg, *, top_k=1):
    weights, indices = torch.topk(torch.softmax((x @ Wg).float(), 0), top_k, dim=-1)
    return indices, weights.to(x.dtype)
