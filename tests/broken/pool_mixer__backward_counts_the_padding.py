"""The backward pass of the pooling divides by the whole window at the border, too."""

import torch
from torch.nn.functional import avg_pool2d


class Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, size):
        ctx.size = size
        return avg_pool2d(x, size, 1, size // 2, count_include_pad=False)

    @staticmethod
    def backward(ctx, g):
        return avg_pool2d(g, ctx.size, 1, ctx.size // 2, count_include_pad=True), None


def pool_mixer(x, *, pool_size=3):
    if pool_size % 2 == 0:
        raise ValueError(f"pool_size={pool_size}: expected an odd size")
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (Pool.apply(y, pool_size) - y).to(x.dtype)
