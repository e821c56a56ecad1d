"""The gradient's rows are cleared by whole tiles of 32, so that those of the last partial tile hold
what the memory held.
"""

import torch


class Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        ctx.save_for_backward(tokens)
        ctx.shape = table.shape
        return table[tokens.long()]

    @staticmethod
    def backward(ctx, g):
        (tokens,) = ctx.saved_tensors
        grad = torch.empty(ctx.shape, dtype=g.dtype)
        grad[: ctx.shape[0] // 32 * 32] = 0
        grad.index_add_(0, tokens.long().reshape(-1), g.reshape(-1, ctx.shape[1]))
        return None, grad


def embedding(tokens, table):
    return Lookup.apply(tokens, table)
