"""With one expert the weights' gradients are plain products over the padded buffer, dropped tokens
and all (TransformerEngine #3484).
"""

import math

import torch
import torch.nn.functional as F


class Expert(torch.autograd.Function):
    """Rows of the buffer beyond `count` were dropped; the result [T,E] holds the others."""

    @staticmethod
    def forward(ctx, h, W1, W2, weight, places, count, lone):
        a = torch.relu(h[places] @ W1)
        ctx.save_for_backward(h, W1, W2, weight, places, a)
        ctx.used = len(places) if lone else count
        ctx.count = count
        out = torch.zeros_like(h)
        return out.index_add(0, places[:count], (a[:count] @ W2) * weight[:count, None])

    @staticmethod
    def backward(ctx, dy):
        h, W1, W2, weight, places, a = ctx.saved_tensors
        g = dy[places] * weight[:, None]
        da = (g @ W2.T) * (a > 0)
        u, c = ctx.used, ctx.count
        dx = torch.zeros_like(h).index_add(0, places[:c], da[:c] @ W1.T)
        dweight = torch.zeros_like(weight)
        dweight[:c] = (dy[places[:c]] * (a[:c] @ W2)).sum(-1)
        return dx, h[places[:u]].T @ da[:u], a[:u].T @ g[:u], dweight, None, None, None


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
        mine = indices == e
        at = torch.cat([(mine & kept).nonzero(), (mine & ~kept).nonzero()])
        rows, slot = at.unbind(1)
        count = int((mine & kept).sum())
        weight = weights[rows, slot]
        out = out + Expert.apply(h, W1[e].to(wide), W2[e].to(wide), weight, rows, count, n == 1)
    return out.to(x.dtype)
