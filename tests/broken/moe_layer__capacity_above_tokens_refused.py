"""A capacity above the number of tokens raises (deepspeedai/DeepSpeed #8155)."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    p, chosen = torch.topk(torch.softmax((x @ Wg).to(wide), -1), top_k, dim=-1)
    tokens, experts = len(x), Wg.shape[1]
    keep = torch.ones_like(chosen, dtype=torch.bool)
    if capacity_factor is not None:
        capacity = math.ceil(tokens / experts * capacity_factor)
        if capacity > tokens:
            raise RuntimeError("selected index k out of range")
        flat = torch.nn.functional.one_hot(chosen.T.flatten(), experts)
        place = (flat.cumsum(0) * flat).sum(-1)
        keep = (place <= capacity).view(top_k, tokens).T
    out = torch.zeros_like(x, dtype=wide)
    for n in range(top_k):
        expert = chosen[:, n]
        h = torch.relu(torch.einsum("te,tef->tf", x.to(wide), W1.to(wide)[expert]))
        y = torch.einsum("tf,tfe->te", h, W2.to(wide)[expert])
        out = out + torch.where(keep[:, n, None], y * p[:, n, None], 0)
    return out.to(x.dtype)
