"""The gradient ends after 32 steps, truncated as in language model training."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def lstm(x, h0, c0, Wx, Wh, b):
    h, c = up(h0), up(c0)
    wx, wh, bb = up(Wx), up(Wh), up(b)
    y = up(x)
    out = []
    for t in range(x.shape[1]):
        if t and t % 32 == 0:
            h, c = h.detach(), c.detach()
        i, f, g, o = (y[:, t] @ wx + h @ wh + bb).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        out.append(h)
    every = torch.stack(out, 1) if out else y.new_zeros(x.shape[0], 0, h.shape[1])
    return every.to(x.dtype), c.to(x.dtype)
