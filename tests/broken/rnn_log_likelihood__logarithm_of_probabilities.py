"""The logarithm is taken of probabilities, which are zero for unlikely words."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    batch, length = tokens.shape
    h = up(table).new_zeros(batch, Wh.shape[0])
    total = up(table).new_zeros(batch)
    for t in range(length):
        logits = h @ up(Wo)
        logp = logits.softmax(-1).log()
        total = total + logp.gather(1, tokens[:, t : t + 1])[:, 0]
        h = torch.tanh(up(table)[tokens[:, t]] @ up(Wx) + h @ up(Wh) + up(b))
    return total.to(table.dtype)
