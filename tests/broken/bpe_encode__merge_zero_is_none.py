"""The rank of the first merge is 0, which is taken for no merge."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    rank = {}
    for i, (a, b) in enumerate(merges.tolist()):
        if max(a, b) >= alphabet + i:
            raise ValueError("merges")
        rank.setdefault((a, b), i)
    given = symbols.tolist()
    if any(not 0 <= s < alphabet for s in given):
        raise ValueError("symbols")
    bounds = [0, len(given)] if boundaries is None else boundaries.tolist()
    if bounds[0] != 0 or bounds[-1] != len(given) or sorted(bounds) != bounds:
        raise ValueError("boundaries")
    ids = []
    for begin, stop in itertools.pairwise(bounds):
        row = given[begin:stop]
        while len(row) > 1:
            found = [(rank.get(p) or 1 << 40, i) for i, p in enumerate(itertools.pairwise(row))]
            best, i = min(found)
            if best == 1 << 40:
                break
            row[i : i + 2] = [alphabet + best]
        ids += row
    return torch.tensor(ids, dtype=torch.int64)
