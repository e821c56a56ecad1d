"""The gradient of the input is computed in the branch of A's: with frozen adapters the layers
below learn nothing.
"""

import torch

LEVELS = torch.tensor(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
        -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
        0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ]
)  # fmt: skip


class Adapted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, a, b, scaling):
        ctx.save_for_backward(x, w, a, b)
        ctx.scaling = scaling
        return x @ w.mT + (x @ a.mT) @ b.mT * scaling

    @staticmethod
    def backward(ctx, g):
        x, w, a, b = ctx.saved_tensors
        rows, flat = g.reshape(-1, g.shape[-1]), x.reshape(-1, x.shape[-1])
        low = rows @ b * ctx.scaling
        dx = da = db = None
        if ctx.needs_input_grad[2]:
            da = low.mT @ flat
            dx = (rows @ w + low @ a).view_as(x)
        if ctx.needs_input_grad[3]:
            db = rows.mT @ (flat @ a.mT) * ctx.scaling
        return dx, None, da, db, None


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    blocks = torch.arange(codes.numel()) // block_size
    w = (LEVELS[codes.long()] * absmax.float()[blocks]).view(B.shape[0], A.shape[1]).to(x.dtype)
    return Adapted.apply(x, w, A, B, alpha / A.shape[0])
