"""The decoder state is broadcast over the source in the kernel, and its gradient is that of the
first source position, not the sum over all.
"""

import torch


class Broadcast(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, count):
        return x[:, None].expand(-1, count, -1).clone()

    @staticmethod
    def backward(ctx, dy):
        return (dy[:, 0] if dy.shape[1] else dy.sum(1)), None


def additive_score(h, s, W, v):
    wide = torch.promote_types(h.dtype, torch.float32)
    both = torch.cat([h.to(wide), Broadcast.apply(s.to(wide), h.shape[1])], -1)
    return (torch.tanh(both @ W.to(wide).T) @ v.to(wide)).to(h.dtype)
