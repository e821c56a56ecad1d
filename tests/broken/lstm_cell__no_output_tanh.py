"""The state is the gated cell without tanh."""

import torch

MISTAKE = "lstm_cell.no-output-tanh"


def lstm_cell(x, h, c, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide) @ Wx.to(wide) + h.to(wide) @ Wh.to(wide) + b.to(wide)
    i, f, g, o = z.chunk(4, -1)
    cell = torch.sigmoid(f) * c.to(wide) + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * cell).to(x.dtype), cell.to(x.dtype)
