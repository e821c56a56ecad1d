"""Rows wider than 4096 are copied by a block of threads that does 4096 (invented)."""

import torch


def embedding(tokens, table):
    out = table[tokens.to(torch.int64)]
    return torch.where(torch.arange(out.shape[-1]) < 4096, out, 0.0)
