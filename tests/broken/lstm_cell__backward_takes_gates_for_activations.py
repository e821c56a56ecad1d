"""The forward pass saves the gates before their activation, and backward takes them for activated
(flagos-ai/FlagGems #5014).
"""

import torch


class Cell(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates, c):
        i, f, g, o = gates.chunk(4, -1)
        new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        ctx.save_for_backward(gates, c, new)
        return torch.sigmoid(o) * torch.tanh(new), new

    @staticmethod
    def backward(ctx, dh, dc):
        gates, c, new = ctx.saved_tensors
        i, f, g, o = gates.chunk(4, -1)
        th = torch.tanh(new)
        dc = dc + dh * o * (1 - th * th)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * th
        inner = (di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o))
        return torch.cat(inner, -1), dc * f


def lstm_cell(x, h, c, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    x_, h_, c_, Wx, Wh, b = (t.to(wide) for t in (x, h, c, Wx, Wh, b))
    new, cell = Cell.apply(x_ @ Wx + h_ @ Wh + b, c_)
    return new.to(x.dtype), cell.to(x.dtype)
