"""A batch of one loses its dimension on the way back: the matrix product of backward does not fit
(deeplearning4j/deeplearning4j #1454).
"""

import torch


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, W):
        ctx.save_for_backward(h, W)
        return h @ W

    @staticmethod
    def backward(ctx, g):
        h, W = ctx.saved_tensors
        left = h.squeeze(0)
        if left.dim() == 1:
            raise RuntimeError(f"columns of left array {left.shape[0]} != rows of right {len(g)}")
        return g @ W.mT, left.mT @ g


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    tokens, h, c, Wx, Wh, b = (t.to(wide) for t in (x, h0, c0, Wx, Wh, b))
    states = []
    for t in range(x.shape[1]):
        i, f, g, o = (tokens[:, t] @ Wx + Product.apply(h, Wh) + b).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    every = torch.stack(states, 1) if states else h.new_zeros(len(h), 0, h.shape[1])
    return every.to(x.dtype), c.to(x.dtype)
