"""The gradient of the recurrent weights takes the state before the first step for zero."""

import torch


class Rnn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h, Wx, Wh, b):
        out, start = [], h
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ Wx + h @ Wh + b)
            out.append(h)
        y = torch.stack(out, 1) if out else start[:, None][:, :0]
        ctx.save_for_backward(x, y, Wx, Wh)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y, Wx, Wh = ctx.saved_tensors
        dx, dWx, dWh = torch.zeros_like(x), torch.zeros_like(Wx), torch.zeros_like(Wh)
        db, carry = g.new_zeros(Wh.shape[0]), g.new_zeros(x.shape[0], Wh.shape[0])
        for t in reversed(range(x.shape[1])):
            dz = (g[:, t] + carry) * (1 - y[:, t] ** 2)
            before = y[:, t - 1] if t else torch.zeros_like(dz)
            dx[:, t], dWx, dWh, db = (
                dz @ Wx.T,
                dWx + x[:, t].T @ dz,
                dWh + before.T @ dz,
                db + dz.sum(0),
            )
            carry = dz @ Wh.T
        return dx, carry, dWx, dWh, db


def rnn(x, h0, Wx, Wh, b):
    c = torch.promote_types(x.dtype, torch.float32)
    return Rnn.apply(*(t.to(c) for t in (x, h0, Wx, Wh, b))).to(x.dtype)
