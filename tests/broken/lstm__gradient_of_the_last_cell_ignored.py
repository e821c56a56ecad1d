"""The backward pass through time takes no notice of the gradient of the last cell."""

import torch


class Lstm(torch.autograd.Function):
    @staticmethod
    def run(x, h, c, Wx, Wh, b):
        out = []
        for t in range(x.shape[1]):
            i, f, g, o = (x[:, t] @ Wx + h @ Wh + b).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return (torch.stack(out, 1) if out else h[:, None][:, :0]), c

    @staticmethod
    def forward(ctx, *given):
        ctx.save_for_backward(*given)
        y, c = Lstm.run(*given)
        return y, c.clone()

    @staticmethod
    def backward(ctx, gy, gc):
        given = [t.detach().requires_grad_() for t in ctx.saved_tensors]
        with torch.enable_grad():
            y, _ = Lstm.run(*given)
        return torch.autograd.grad(y, given, gy, allow_unused=True)


def lstm(x, h0, c0, Wx, Wh, b):
    w = torch.promote_types(x.dtype, torch.float32)
    y, c = Lstm.apply(*(t.to(w) for t in (x, h0, c0, Wx, Wh, b)))
    return y.to(x.dtype), c.to(x.dtype)
