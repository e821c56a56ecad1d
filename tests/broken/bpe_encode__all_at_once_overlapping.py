"""All places of a pair are joined at once, overlapping ones too."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks = {}
    for rank, (a, b) in enumerate(merges.tolist()):
        ranks.setdefault((a, b), rank)
    bounds = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    ids = []
    for begin, stop in itertools.pairwise(bounds):
        row = symbols[begin:stop].tolist()
        while True:
            found = [(ranks[p], i) for i, p in enumerate(itertools.pairwise(row)) if p in ranks]
            if not found:
                break
            rank, _ = min(found)
            pair, out, i = tuple(merges[rank].tolist()), [], 0
            while i < len(row):
                if tuple(row[i : i + 2]) == pair:
                    out.append(alphabet + rank)
                    i += 1 if tuple(row[i + 1 : i + 3]) == pair and pair[0] == pair[1] else 2
                else:
                    out.append(row[i])
                    i += 1
            row = out
        ids += row
    return torch.tensor(ids, dtype=torch.int64)
