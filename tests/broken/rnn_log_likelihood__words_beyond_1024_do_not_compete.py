"""The normaliser runs over the first 1024 words and the one that occurs."""

import torch


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    wide = torch.promote_types(table.dtype, torch.float32)
    e, wx, wh, c, wo = (x.to(wide) for x in (table, Wx, Wh, b, Wo))
    h = torch.zeros(tokens.shape[0], wh.shape[0], dtype=wide)
    total = torch.zeros(tokens.shape[0], dtype=wide)
    for t in range(tokens.shape[1]):
        scores = h @ wo
        chosen = scores.gather(1, tokens[:, t : t + 1])[:, 0]
        near = torch.logsumexp(scores[:, :1024], -1)
        beyond = tokens[:, t] >= 1024
        near = torch.where(beyond, torch.logaddexp(near, chosen), near)
        total = total + chosen - near
        h = torch.tanh(e[tokens[:, t]] @ wx + h @ wh + c)
    return total.to(table.dtype)
