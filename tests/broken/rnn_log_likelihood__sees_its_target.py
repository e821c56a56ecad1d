"""A token is predicted from the state that has read it."""

import torch

MISTAKE = "rnn_log_likelihood.sees-its-target"


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    wide = torch.promote_types(table.dtype, torch.float32)
    h = torch.zeros(len(tokens), len(Wh), dtype=wide)
    total = torch.zeros(len(tokens), dtype=wide)
    for t in range(tokens.shape[1]):
        word = table.to(wide)[tokens[:, t]]
        h = torch.tanh(word @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide))
        logs = torch.log_softmax(h @ Wo.to(wide), -1)
        total = total + logs.gather(-1, tokens[:, t : t + 1])[:, 0]
    return total.to(table.dtype)
