"""A channel without a positive feature sends its gradient to its largest one all the same."""

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


class Max(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f):
        v, i = f.max(1)
        ctx.save_for_backward(i, v)
        ctx.shape = f.shape
        return v.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        i, _ = ctx.saved_tensors
        return g.new_zeros(ctx.shape).scatter(1, i[:, None], g[:, None])


def text_cnn(x, W, b):
    d = up(x, W, b)
    f = F.conv1d(x.to(d).mT, W.to(d).permute(2, 1, 0), b.to(d)).mT
    return Max.apply(f).to(x.dtype)
