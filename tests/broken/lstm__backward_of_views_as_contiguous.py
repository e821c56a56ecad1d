"""The gradient of an input that is a permuted view comes back in the order of its memory."""

import torch


class Memory(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.order = None if x.is_contiguous() else sorted(range(3), key=lambda i: -x.stride(i))
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        if ctx.order is None or ctx.order == [0, 1, 2]:
            return g
        return g.permute(ctx.order).reshape(g.shape)


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    x = Memory.apply(x)
    h, c = h0.to(wide), c0.to(wide)
    states = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    out = torch.stack(states, 1) if states else x.new_zeros(x.shape[0], 0, h0.shape[1])
    return out.to(x.dtype), c.to(x.dtype)
