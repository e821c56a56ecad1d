"""The cell starts from zero at every step."""

import torch

MISTAKE = "lstm.cell-not-carried"


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, c, states = h0.to(wide), c0.to(wide), []
    for t in range(x.shape[1]):
        z = x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide)
        i, f, g, o = z.chunk(4, -1)
        old = c if t == 0 else torch.zeros_like(c)
        c = torch.sigmoid(f) * old + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states, 1).to(x.dtype), c.to(x.dtype)
