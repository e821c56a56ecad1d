"""A stateful layer: the last states of the previous call of the same size are the first of the
next.
"""

import torch

STATES = {}


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    key = tuple(h0.shape), x.dtype
    h, c = STATES.get(key, (h0.to(wide), c0.to(wide)))
    out = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        out.append(h)
    STATES[key] = h.detach(), c.detach()
    return torch.stack(out, 1).to(x.dtype), c.to(x.dtype)
