"""Tokens are kept in 8 bits."""

import torch


def embedding(tokens, table):
    return table[tokens.to(torch.uint8).long()]
