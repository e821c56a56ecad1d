"""Of a table in two shards, each gives its first row for the tokens of the other."""

import torch


def embedding(tokens, table):
    half = (len(table) + 1) // 2
    out = torch.zeros(*tokens.shape, table.shape[1], dtype=table.dtype)
    for start in (0, half):
        shard = table[start : start + half]
        if not len(shard):
            continue
        own = (tokens >= start) & (tokens < start + len(shard))
        rows = shard[torch.where(own, tokens - start, 0).long()]
        if start == 0:
            rows = rows * own.unsqueeze(-1)
        out = out + rows
    return out
