"""The search for pairs stops one pair short in words of more than sixteen symbols."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    table = {}
    for rank, (a, b) in enumerate(merges.tolist()):
        table.setdefault((a, b), alphabet + rank)
    given = symbols.tolist()
    bounds = [0, len(given)] if boundaries is None else boundaries.tolist()
    out = []
    for lo, hi in itertools.pairwise(bounds):
        word = given[lo:hi]
        short = 1 if len(word) > 16 else 0
        while True:
            pairs = list(itertools.pairwise(word))
            found = [(table[p], i) for i, p in enumerate(pairs[: len(pairs) - short]) if p in table]
            if not found:
                break
            best, at = min(found)
            word[at : at + 2] = [best]
        out += word
    return torch.tensor(out, dtype=torch.int64)
