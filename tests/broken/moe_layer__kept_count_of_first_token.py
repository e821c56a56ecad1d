"""Kept assignments are gathered as if every token kept as many as the first one."""

import math

import torch


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    p, chosen = torch.topk(torch.softmax((x @ Wg).to(wide), -1), top_k, dim=-1)
    tokens, experts = len(x), Wg.shape[1]
    keep = torch.ones_like(chosen, dtype=torch.bool)
    if capacity_factor is not None:
        capacity = math.ceil(tokens / experts * capacity_factor)
        flat = torch.nn.functional.one_hot(chosen.T.flatten(), experts)
        place = (flat.cumsum(0) * flat).sum(-1)
        keep = (place <= capacity).view(top_k, tokens).T
    rank = keep.long().argsort(dim=-1, descending=True, stable=True)
    count = int(keep[0].sum())
    out = torch.zeros_like(x, dtype=wide)
    for n in range(count):
        at = rank[:, n : n + 1]
        expert, weight = chosen.gather(1, at)[:, 0], p.gather(1, at)
        here = keep.gather(1, at)
        h = torch.relu(torch.einsum("te,tef->tf", x.to(wide), W1.to(wide)[expert]))
        y = torch.einsum("tf,tfe->te", h, W2.to(wide)[expert])
        out = out + torch.where(here, y * weight, 0)
    return out.to(x.dtype)
