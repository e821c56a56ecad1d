"""An expert without tokens gets the weight gradient of the busy expert before it."""

import torch


def routed(x, Wg, top_k, capacity_factor):
    probs = (x @ Wg).softmax(-1)
    weights, indices = probs.topk(top_k, -1)
    n, t = Wg.shape[1], x.shape[0]
    kept = torch.ones_like(indices, dtype=torch.bool)
    if capacity_factor is not None:
        capacity = -int(-(t * capacity_factor) // n)
        flat = indices.t().reshape(-1)
        rank = torch.nn.functional.one_hot(flat, n).cumsum(0).gather(1, flat[:, None])[:, 0] - 1
        kept = (rank < capacity).reshape(top_k, t).t()
    return indices, weights, kept


class Borrow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, used):
        ctx.used = used
        return w.clone()

    @staticmethod
    def backward(ctx, g):
        g = g.clone()
        last = None
        for i, busy in enumerate(ctx.used):
            if busy:
                last = i
            elif last is not None:
                g[i] = g[last]
        return g, None


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    indices, weights, kept = routed(h, Wg.to(wide), top_k, capacity_factor)
    used = [bool(((indices == i) & kept).any()) for i in range(Wg.shape[1])]
    W1, W2 = Borrow.apply(W1, used), Borrow.apply(W2, used)
    y = torch.zeros_like(h)
    for i in range(Wg.shape[1]):
        for c in range(top_k):
            here = ((indices[:, c] == i) & kept[:, c]).nonzero()[:, 0]
            if len(here):
                out = torch.relu(h[here] @ W1[i].to(wide)) @ W2[i].to(wide)
                y = y.index_add(0, here, out * weights[here, c][:, None])
    return y.to(x.dtype)
