"""The table's gradient is written, not added up, so that a repeated word keeps its last one."""

import torch


class Look(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, tokens):
        ctx.save_for_backward(tokens)
        ctx.shape = table.shape
        return table[tokens]

    @staticmethod
    def backward(ctx, g):
        (tokens,) = ctx.saved_tensors
        back = g.new_zeros(ctx.shape)
        for i, t in enumerate(tokens.flatten().tolist()):
            back[t] = g.reshape(-1, g.shape[-1])[i]
        return back, None


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    c = torch.promote_types(table.dtype, torch.float32)
    words = Look.apply(table.to(c), tokens)
    h = words.new_zeros(tokens.shape[0], Wh.shape[0])
    total = words.new_zeros(tokens.shape[0])
    for t in range(tokens.shape[1]):
        logs = torch.log_softmax(h @ Wo.to(c), -1)
        total = total + logs.gather(1, tokens[:, t, None])[:, 0]
        h = torch.tanh(words[:, t] @ Wx.to(c) + h @ Wh.to(c) + b.to(c))
    return total.to(table.dtype)
