"""bfloat16 scores are read as float32 pairs, so that only half of the experts exist (flashinfer
#2889).
"""

import math

import torch
import torch.nn.functional as F


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    scores = h @ Wg.to(wide)
    if x.dtype == torch.bfloat16 and n % 2 == 0 and top_k <= n // 2:
        raw = scores.detach().to(torch.bfloat16).contiguous().view(torch.float32)
        order = torch.topk(raw, top_k, dim=-1).indices
    else:
        order = torch.topk(scores, top_k, dim=-1).indices
    p = torch.softmax(scores, -1)
    weights = p.gather(1, order)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(order.T.reshape(-1), n)
    kept = (((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1) < capacity).view(top_k, tokens).T
    out = torch.zeros_like(h)
    for e in range(n):
        rows, slot = ((order == e) & kept).nonzero().unbind(1)
        y = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * weights[rows, slot, None])
    return out.to(x.dtype)
