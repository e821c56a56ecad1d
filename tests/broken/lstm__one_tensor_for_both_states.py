"""Where both states begin as one tensor, the hidden state is written over the cell."""

import torch


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, c, states = h0.to(wide), c0.to(wide), []
    shared = h0.data_ptr() == c0.data_ptr() and h0.stride() == c0.stride()
    for t in range(x.shape[1]):
        z = x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide)
        i, f, g, o = z.chunk(4, -1)
        c = torch.sigmoid(f) * (h if shared else c) + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    every = torch.stack(states, 1) if states else h[:, None][:, :0]
    return every.to(x.dtype), c.to(x.dtype)
