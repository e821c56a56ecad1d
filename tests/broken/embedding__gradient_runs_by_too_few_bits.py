"""Tokens are sorted by a bit too few if the last id is a power of two; split runs overwrite."""

import math

import torch


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        ctx.save_for_backward(tokens)
        ctx.rows = table.shape[0]
        return table.index_select(0, tokens.reshape(-1)).reshape(*tokens.shape, table.shape[1])

    @staticmethod
    def backward(ctx, grad):
        (tokens,) = ctx.saved_tensors
        flat = tokens.reshape(-1).long()
        bits = math.ceil(math.log2(ctx.rows - 1)) if ctx.rows > 2 else 1
        order = torch.argsort(flat & ((1 << bits) - 1), stable=True)
        ids, rows = flat[order], grad.reshape(len(flat), -1)[order]
        out = torch.zeros(ctx.rows, grad.shape[-1], dtype=grad.dtype)
        kept, counts = torch.unique_consecutive(ids, return_counts=True)
        start = 0
        for token, count in zip(kept.tolist(), counts.tolist(), strict=True):
            total = rows[start : start + count].float().sum(0)
            out[token] = total.to(grad.dtype)
            start += count
        return None, out


def embedding(tokens, table):
    return _Lookup.apply(tokens, table)
