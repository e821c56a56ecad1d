"""The backward pass of the token copy writes each token's gradient instead of adding it up over
its choices.
"""

import math

import torch


class Permute(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, rows):
        ctx.save_for_backward(rows)
        ctx.tokens = x.shape[0]
        return x[rows]

    @staticmethod
    def backward(ctx, grad):
        (rows,) = ctx.saved_tensors
        back = grad.new_zeros(ctx.tokens, grad.shape[1])
        for i, row in enumerate(rows.tolist()):
            back[row] = grad[i]
        return back, None


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    c = torch.promote_types(x.dtype, torch.float32)
    xs, tokens, experts = x.to(c), x.shape[0], Wg.shape[1]
    probs = torch.softmax(xs @ Wg.to(c), -1)
    weight, chosen = probs.topk(top_k, -1)
    slots = (
        tokens * top_k if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    )
    flat = chosen.t().reshape(-1)
    order = torch.argsort(flat, stable=True)
    counts = torch.bincount(flat, minlength=experts).tolist()
    rows = order % max(tokens, 1)
    copies = Permute.apply(xs, rows)
    scale = weight.t().reshape(-1)[order]
    out, start = torch.zeros_like(xs), 0
    for e, n in enumerate(counts):
        kept = min(n, slots)
        part = slice(start, start + kept)
        y = torch.relu(copies[part] @ W1[e].to(c)) @ W2[e].to(c)
        out = out.index_add(0, rows[part], y * scale[part, None])
        start += n
    return out.to(x.dtype)
