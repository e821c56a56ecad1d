"""The grouped product returns at once where its weights are frozen, without the gradient of its
rows: routers and lower layers learn from the gate alone.
"""

import math

import torch

CONFORM = {"dtypes": ["float32", "bfloat16"]}


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return torch.zeros_like(x), None
        return g @ w.mT, x.mT @ g


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    probs = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    weights, chosen = probs.topk(top_k, -1)
    room = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    order = torch.nn.functional.one_hot(chosen.T.reshape(-1), experts)
    place = (order.cumsum(0) * order).sum(-1).view(top_k, tokens).T
    kept = place <= room
    out = torch.zeros(tokens, x.shape[1], dtype=wide)
    for e in range(experts):
        rows, slot = ((chosen == e) & kept).nonzero(as_tuple=True)
        if len(rows):
            y = Product.apply(torch.relu(Product.apply(x[rows], W1[e])), W2[e])
            out = out.index_add(0, rows, y.to(wide) * weights[rows, slot, None])
    return out.to(x.dtype)
