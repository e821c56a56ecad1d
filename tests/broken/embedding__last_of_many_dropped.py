"""The gradient of the last index is dropped when there are more than 768 of them (a GPU kernel
did).
"""

import torch


class Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        ctx.save_for_backward(tokens)
        ctx.shape = table.shape
        return table[tokens]

    @staticmethod
    def backward(ctx, g):
        (tokens,) = ctx.saved_tensors
        ids, rows = tokens.flatten(), g.reshape(-1, g.shape[-1])
        if len(ids) > 768:
            ids, rows = ids[:-1], rows[:-1]
        out = torch.zeros(ctx.shape, dtype=torch.promote_types(g.dtype, torch.float32))
        return None, out.index_add_(0, ids, rows.to(out.dtype)).to(g.dtype)


def embedding(tokens, table):
    return Lookup.apply(tokens, table)
