"""Boundaries are respected for pairs of symbols, but a later merge of longer pieces joins across
them."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ids = symbols.tolist()
    if any(not 0 <= s < alphabet for s in ids):
        raise ValueError("symbols")
    rank = {}
    for r, (a, b) in enumerate(merges.tolist()):
        if max(a, b) >= alphabet + r:
            raise ValueError("merges")
        rank.setdefault((a, b), r)
    cuts = set() if boundaries is None else set(boundaries.tolist())
    parts, at = list(ids), list(range(len(ids)))
    while True:
        found = [
            (rank[a, b], i)
            for i, (a, b) in enumerate(itertools.pairwise(parts))
            if (a, b) in rank and not (at[i + 1] in cuts and max(a, b) < alphabet)
        ]
        if not found:
            return torch.tensor(parts, dtype=torch.long)
        r, i = min(found)
        parts[i : i + 2] = [alphabet + r]
        del at[i + 1]
