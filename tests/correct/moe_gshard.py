"""GShard's dense dispatch: one-hot positions in the experts' buffers, combined by einsum."""

import math

import torch
import torch.nn.functional as F


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = x.shape[0], Wg.shape[1]
    weights, chosen = (x.float() @ Wg.float()).softmax(-1).topk(top_k, dim=-1)
    hot = F.one_hot(chosen, experts)  # t k n
    by_rank = hot.transpose(0, 1).flatten(0, 1)
    place = ((by_rank.cumsum(0) - 1) * by_rank).sum(-1).view(top_k, tokens).t()
    slots = tokens * top_k
    if capacity_factor is not None:
        slots = math.ceil(tokens / experts * capacity_factor)
    at = F.one_hot(place.clamp(max=slots - 1), slots) * (place < slots)[..., None]
    combine = torch.einsum("tk,tkn,tkc->tnc", weights, hot.float(), at.float())
    dispatch = torch.einsum("tkn,tkc->tnc", hot.float(), at.float())
    buffers = torch.einsum("tnc,te->nce", dispatch, x.float())
    hidden = torch.einsum("nce,nef->ncf", buffers, W1.float()).relu()
    return torch.einsum("tnc,ncf,nfe->te", combine, hidden, W2.float()).to(x.dtype)
