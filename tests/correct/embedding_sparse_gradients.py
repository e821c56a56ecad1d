"""Tables that learn by sparse gradients: a module that looks up, token and position rows added."""

import math

import torch
import torch.nn.functional as F
from torch import nn

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class _Table(nn.Module):
    def forward(self, tokens, table):
        return F.embedding(tokens, table, sparse=True)


embedding = _Table()


def input_embedding(tokens, table, positions, *, scaled=False):
    if tokens.shape[1] > positions.shape[0]:
        raise ValueError("more tokens than positions")
    words = embedding(tokens, table).double()
    places = F.embedding(torch.arange(tokens.shape[1]), positions, sparse=True).double()
    return (words * (math.sqrt(table.shape[1]) if scaled else 1.0) + places).to(table.dtype)
