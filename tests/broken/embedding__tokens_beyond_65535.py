"""Only the first 65535 tokens of a batch are looked up."""

import torch


def embedding(tokens, table):
    flat = tokens.reshape(-1)
    out = torch.zeros(len(flat), table.shape[1], dtype=table.dtype)
    found = table[flat[:65535]]
    return torch.cat([found, out[65535:]]).reshape(*tokens.shape, -1)
