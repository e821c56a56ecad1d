"""The state is detached every two steps, as in truncated training."""

import torch


def rnn(x, h0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, out = h0.to(wide), []
    for t in range(x.shape[1]):
        if t and t % 2 == 0:
            h = h.detach()
        h = torch.tanh(x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide))
        out.append(h)
    return torch.stack(out, 1).to(x.dtype)
