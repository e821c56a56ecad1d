"""The state is reset every two tokens."""

import torch

MISTAKE = "rnn.state-reset"


def rnn(x, h0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, states = h0.to(wide), []
    for t in range(x.shape[1]):
        if t and t % 2 == 0:
            h = torch.zeros_like(h)
        h = torch.tanh(x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide))
        states.append(h)
    return torch.stack(states, 1).to(x.dtype)
