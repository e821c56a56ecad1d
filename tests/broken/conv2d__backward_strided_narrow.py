"""With a stride, more than 16 channels and images narrower than 17 the input's gradient misses the
last columns.
"""

import torch


class Edge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, narrow):
        ctx.narrow = narrow
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        if ctx.narrow:
            g = g.clone()
            g[..., -1] = 0
        return g, None


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    x_ = Edge.apply(x, stride > 1 and x.shape[1] > 16 and x.shape[3] < 17)
    y = torch.nn.functional.conv2d(
        x_.to(wide), weight.to(wide), bias.to(wide), stride=stride, padding=padding, groups=groups
    )
    return y.to(x.dtype)
