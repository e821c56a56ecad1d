"""Encoded words are kept under their symbols' digits put together, so that 1, 12 and 11, 2 share
an entry.
"""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks = {}
    for rank, pair in enumerate(merges.tolist()):
        ranks.setdefault(tuple(pair), rank)
    edges = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    kept, out = {}, []
    for a, b in itertools.pairwise(edges):
        word = symbols[a:b].tolist()
        key = "".join(map(str, word))
        if key not in kept:
            while len(word) > 1:
                best = min(itertools.pairwise(word), key=lambda p: ranks.get(p, 1 << 60))
                if best not in ranks:
                    break
                i, new = 0, []
                while i < len(word):
                    if tuple(word[i : i + 2]) == best:
                        new.append(alphabet + ranks[best])
                        i += 2
                    else:
                        new.append(word[i])
                        i += 1
                word = new
            kept[key] = word
        out += kept[key]
    return torch.tensor(out, dtype=torch.int64)
