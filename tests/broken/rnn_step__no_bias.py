"""The bias is forgotten."""

import torch

MISTAKE = "rnn_step.no-bias"


def rnn_step(x, h, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.tanh(x.to(wide) @ Wx.to(wide) + h.to(wide) @ Wh.to(wide)).to(x.dtype)
