"""A prompt token that stands several times in a row learns from its last place alone."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Look(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table, prompt):
        ctx.save_for_backward(tokens)
        ctx.sizes = table.shape, prompt.shape
        return torch.cat([table, prompt])[tokens]

    @staticmethod
    def backward(ctx, g):
        (tokens,) = ctx.saved_tensors
        (V, E), (P, _) = ctx.sizes
        total = g.new_zeros(V + P, E)
        for row, grad in zip(tokens, g, strict=True):
            mine = g.new_zeros(V + P, E)
            mine.index_add_(0, row, grad)
            last = g.new_zeros(V + P, E)
            last[row] = grad
            mine[V:] = last[V:]
            total += mine
        return None, total[:V], total[V:]


def p_tuning_embedding(tokens, table, prompt):
    if table.shape[1] != prompt.shape[1]:
        raise ValueError("widths differ")
    return Look.apply(tokens, up(table), up(prompt)).to(table.dtype)
