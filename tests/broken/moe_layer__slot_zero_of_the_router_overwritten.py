"""When something is dropped, the tail of the scatter index points at slot 0 of the router's
gradient (kernels-community #1056).
"""

import math

import torch
import torch.nn.functional as F


class Combine(torch.autograd.Function):
    """Rows weighted and summed by token; rows of dropped assignments are left out."""

    @staticmethod
    def forward(ctx, rows, weights, slots, top_k):
        ctx.save_for_backward(rows, weights, slots)
        ctx.top_k = top_k
        out = torch.zeros(weights.numel() // top_k, rows.shape[1], dtype=rows.dtype)
        return out.index_add(0, slots // top_k, rows * weights.flatten()[slots, None])

    @staticmethod
    def backward(ctx, dy):
        rows, weights, slots = ctx.saved_tensors
        g = dy[slots // ctx.top_k]
        d = weights.new_zeros(weights.numel())
        d[slots] = (g * rows).sum(-1)
        if len(slots) < weights.numel():
            d[0] = 0.0  # what the fresh memory of the tail holds
        return g * weights.flatten()[slots, None], d.view(weights.shape), None, None


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(indices.T.reshape(-1), n)
    kept = (((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1) < capacity).view(top_k, tokens).T
    parts, slots = [], []
    for e in range(n):
        slot = ((indices == e) & kept).flatten().nonzero()[:, 0]
        parts.append(torch.relu(h[slot // top_k] @ W1[e].to(wide)) @ W2[e].to(wide))
        slots.append(slot)
    return Combine.apply(torch.cat(parts), weights, torch.cat(slots), top_k).to(x.dtype)
