"""Queries are taken 32 at a time, and the gradient of the keys is overwritten block by block."""

import torch
import torch.nn.functional as F


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a @ b.T

    @staticmethod
    def backward(ctx, slope):
        a, b = ctx.saved_tensors
        for s in range(0, max(len(a), 1), 32):
            gb = slope[s : s + 32].T @ a[s : s + 32]
        return slope @ b, gb


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    s = _Scores.apply(queries.to(wide), keys.to(wide)) / temperature
    return F.cross_entropy(s, torch.arange(len(s))).to(queries.dtype)
