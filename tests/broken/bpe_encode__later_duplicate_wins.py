"""A pair listed twice gets the rank of its second entry."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks = {}
    for rank, (a, b) in enumerate(merges.tolist()):
        ranks[a, b] = rank
    bounds = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    ids = []
    for begin, stop in itertools.pairwise(bounds):
        row = symbols[begin:stop].tolist()
        while True:
            found = [(ranks[p], i) for i, p in enumerate(itertools.pairwise(row)) if p in ranks]
            if not found:
                break
            rank, at = min(found)
            row[at : at + 2] = [alphabet + rank]
        ids += row
    return torch.tensor(ids, dtype=torch.int64)
