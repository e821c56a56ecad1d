"""The state is reset every 256 steps, the length of a chunk."""

import torch


def rnn(x, h0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, out = h0.to(wide), []
    for t in range(x.shape[1]):
        if t and t % 256 == 0:
            h = h0.to(wide)
        h = torch.tanh(x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide))
        out.append(h)
    return (torch.stack(out, 1) if out else x.new_zeros(len(x), 0, h0.shape[1])).to(x.dtype)
