"""Rows are assigned and not added: of a repeated token the last gradient stays."""

import torch

MISTAKE = "embedding.gradient-assigned"


class Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        ctx.save_for_backward(tokens)
        ctx.shape = table.shape
        return table[tokens]

    @staticmethod
    def backward(ctx, g):
        (tokens,) = ctx.saved_tensors
        out = g.new_zeros(ctx.shape)
        out[tokens.flatten()] = g.reshape(-1, g.shape[-1])
        return None, out


def embedding(tokens, table):
    return Lookup.apply(tokens, table)
