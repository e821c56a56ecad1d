"""Rows of more than 1024 numbers come back as zeros (torchrec #3673)."""

import torch


class Lookup(torch.nn.Module):
    def __init__(self, table):
        super().__init__()
        self.table = table

    def forward(self, tokens):
        rows = self.table.index_select(0, tokens.reshape(-1).long())
        if rows.shape[1] > 1024:
            rows = rows * 0
        return rows.view(*tokens.shape, rows.shape[1])


def embedding(tokens, table):
    return Lookup(table)(tokens)
