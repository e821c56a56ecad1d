"""The recurrent weights are transposed."""

import torch

MISTAKE = "rnn.recurrent-weights-transposed"


def rnn(x, h0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, states = h0.to(wide), []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t].to(wide) @ Wx.to(wide) + h @ Wh.T.to(wide) + b.to(wide))
        states.append(h)
    return torch.stack(states, 1).to(x.dtype)
