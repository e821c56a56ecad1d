"""Tokens are kept in 16 bits: a vocabulary beyond 32767 wraps."""

import torch


def embedding(tokens, table):
    return table[tokens.to(torch.int16).long()]
