"""A token taken by several experts learns from the last one only."""

import torch


class _Take(torch.autograd.Function):
    @staticmethod
    def forward(ctx, p, i):
        ctx.save_for_backward(i)
        ctx.size = p.shape
        return p.T.gather(1, i)

    @staticmethod
    def backward(ctx, slope):
        (i,) = ctx.saved_tensors
        full = slope.new_zeros(ctx.size)
        last = torch.full((ctx.size[0],), -1, dtype=torch.long)
        for e in range(len(i)):
            last[i[e]] = e
        for e in range(len(i)):
            mine = last[i[e]] == e
            full[i[e][mine], e] = slope[e][mine]
        return full, None


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    i = p.detach().T.topk(capacity, -1)[1]
    return i, _Take.apply(p, i).to(x.dtype)
