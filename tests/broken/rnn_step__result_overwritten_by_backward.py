"""The slope is written over the result itself: what the caller holds changes in backward (Liger
#254).
"""

import torch


class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h, Wx, Wh, b):
        wide = torch.promote_types(x.dtype, torch.float32)
        y = torch.tanh(x.to(wide) @ Wx.to(wide) + h.to(wide) @ Wh.to(wide) + b.to(wide))
        out = y.to(x.dtype)
        ctx.save_for_backward(x, h, Wx, Wh, b)
        ctx.buffer = out.detach()
        return out

    @staticmethod
    def backward(ctx, dy):
        x, h, Wx, Wh, b = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        y = ctx.buffer.to(wide)
        ctx.buffer.copy_(dy.to(wide) * (1 - y * y))
        g = ctx.buffer.to(wide)
        grads = (g @ Wx.to(wide).T, g @ Wh.to(wide).T, x.to(wide).T @ g, h.to(wide).T @ g, g.sum(0))
        return tuple(d.to(t.dtype) for d, t in zip(grads, (x, h, Wx, Wh, b), strict=True))


def rnn_step(x, h, Wx, Wh, b):
    return Step.apply(x, h, Wx, Wh, b)
