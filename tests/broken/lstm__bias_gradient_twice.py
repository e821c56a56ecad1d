"""The bias stands for two, and its gradient is added up for both (pytorch #95137)."""

import torch


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, b):
        return b.clone()

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, c = h0.to(wide), c0.to(wide)
    bias = Doubled.apply(b.to(wide))
    out = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + bias).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        out.append(h)
    states = torch.stack(out, 1) if out else x.new_zeros(x.shape[0], 0, h0.shape[1]).to(wide)
    return states.to(x.dtype), c.to(x.dtype)
