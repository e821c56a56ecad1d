"""The backward pass weighs the experts' parts by the router's weights of the last forward pass."""

import math

import torch

KEPT = {}


class Combine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, parts, weights):
        KEPT["weights"] = weights
        ctx.save_for_backward(parts)
        return (parts * weights.unsqueeze(-1)).sum(1)

    @staticmethod
    def backward(ctx, d):
        (parts,) = ctx.saved_tensors
        weights = KEPT["weights"].unsqueeze(-1).expand(len(parts), -1, 1)
        return d.unsqueeze(1) * weights, (parts * d.unsqueeze(1)).sum(-1)


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = len(x), Wg.shape[1]
    work = torch.promote_types(x.dtype, torch.float32)
    y = x.to(work)
    weights, chosen = torch.softmax(y @ Wg.to(work), -1).topk(top_k, -1)
    slots = tokens * top_k
    if capacity_factor is not None:
        slots = math.ceil(tokens / experts * capacity_factor)
    one = torch.nn.functional.one_hot(chosen.T.reshape(-1), experts)
    rank = ((one.cumsum(0) - 1) * one).sum(-1).reshape(top_k, tokens).T
    each = torch.relu(torch.einsum("te,nef->tnf", y, W1.to(work)))
    each = torch.einsum("tnf,nfe->tne", each, W2.to(work))
    parts = each.gather(1, chosen.unsqueeze(-1).expand(-1, -1, x.shape[1]))
    parts = parts * (rank < slots).unsqueeze(-1)
    return Combine.apply(parts, weights).to(x.dtype)
