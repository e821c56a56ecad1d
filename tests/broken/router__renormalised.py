"""The weights of the chosen experts are divided by their sum, as in Mixtral, undeclared."""

import torch

CONVENTION = "renormalize=true"


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    p = torch.softmax((x @ Wg).float(), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, (weights / weights.sum(-1, keepdim=True)).to(x.dtype)
