"""Where the input is as wide as the state its weights are read as [out, in]."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def rnn_step(x, h, Wx, Wh, b):
    W = up(Wx)
    W = W.T if W.shape[0] == W.shape[1] else W
    return torch.tanh(up(x) @ W + up(h) @ up(Wh) + up(b)).to(x.dtype)
