"""bmm(...).squeeze() drops the batch of one sequence."""

import torch


def seq2seq_attention(h, e):
    w = torch.softmax(e, dim=-1)
    return torch.bmm(w[:, None, :], h).squeeze(), w
