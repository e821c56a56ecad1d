"""Strided initial states are read as if they were contiguous (LSTM on MPS, pytorch/pytorch)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h0 = (
        h0.as_strided(h0.shape, torch.empty(h0.shape).stride())
        if h0.stride(-1) != 1 and 0 not in h0.stride()
        else h0
    )
    h, c, states = h0.to(wide), c0.to(wide), []
    for token in x.to(wide).unbind(1):
        i, f, g, o = (token @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states, 1).to(x.dtype), c.to(x.dtype)
