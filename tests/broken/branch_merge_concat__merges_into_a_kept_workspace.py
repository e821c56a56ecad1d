"""The branches are put side by side in a workspace kept by shape, so a later call rewrites what
the backward pass of an earlier one reads.
"""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


SPACE = {}


class Merge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b, w):
        key = (a.shape, b.shape, a.dtype)
        if key not in SPACE:
            SPACE[key] = a.new_empty(*a.shape[:-1], a.shape[-1] + b.shape[-1])
        both = SPACE[key]
        both[..., : a.shape[-1]] = a
        both[..., a.shape[-1] :] = b
        ctx.both, ctx.w, ctx.e = (both, w, a.shape[-1])
        return both @ w

    @staticmethod
    def backward(ctx, g):
        back = g @ ctx.w.T
        gw = ctx.both.flatten(0, 1).T @ g.flatten(0, 1)
        return (back[..., : ctx.e], back[..., ctx.e :], gw)


def branch_merge_concat(a, b, W):
    d = up(a, b, W)
    return Merge.apply(a.to(d), b.to(d), W.to(d)).to(a.dtype)
