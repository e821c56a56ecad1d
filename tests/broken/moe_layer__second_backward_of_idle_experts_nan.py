"""The first backward pass is clean; from the second on, idle experts' gradients are what memory
held (pytorch #193633).
"""

import math

import torch
import torch.nn.functional as F

PASSES = [0]


class Grouped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, W, sizes):
        ctx.save_for_backward(rows, W)
        ctx.sizes = sizes
        return torch.cat([r @ W[e] for e, r in enumerate(torch.split(rows, sizes))])

    @staticmethod
    def backward(ctx, dy):
        rows, W = ctx.saved_tensors
        PASSES[0] += 1
        dW = torch.zeros_like(W)
        if PASSES[0] > 2:
            dW.fill_(torch.nan)
        dx = []
        for e, (r, g) in enumerate(
            zip(torch.split(rows, ctx.sizes), torch.split(dy, ctx.sizes), strict=True)
        ):
            if len(r):
                dW[e] = r.T @ g
            dx.append(g @ W[e].T)
        return torch.cat(dx), dW, None


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(indices.T.reshape(-1), n)
    kept = (((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1) < capacity).view(top_k, tokens).T
    where = [((indices == e) & kept).flatten().nonzero()[:, 0] for e in range(n)]
    slots, sizes = torch.cat(where), [len(s) for s in where]
    a = torch.relu(Grouped.apply(h[slots // top_k], W1.to(wide), sizes))
    y = Grouped.apply(a, W2.to(wide), sizes) * weights.flatten()[slots, None]
    return torch.zeros_like(h).index_add(0, slots // top_k, y).to(x.dtype)
