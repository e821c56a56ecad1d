"""A pair's key has eight bits for its right part."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    given = symbols.tolist()
    if any(not 0 <= s < alphabet for s in given):
        raise ValueError("symbols")
    bits = 8
    rank = {}
    for r, (a, b) in enumerate(merges.tolist()):
        if not 0 <= min(a, b) <= max(a, b) < alphabet + r:
            raise ValueError("merges")
        rank.setdefault((a << bits) ^ b, r)
    bounds = [0, len(given)] if boundaries is None else boundaries.tolist()
    if bounds[0] != 0 or bounds[-1] != len(given) or sorted(bounds) != bounds:
        raise ValueError("boundaries")
    out = []
    for lo, hi in itertools.pairwise(bounds):
        word = given[lo:hi]
        while True:
            known = [rank[k] for a, b in itertools.pairwise(word) if (k := (a << bits) ^ b) in rank]
            if not known:
                break
            best, i, new = min(known), 0, []
            while i < len(word):
                if i + 1 < len(word) and rank.get((word[i] << bits) ^ word[i + 1]) == best:
                    new.append(alphabet + best)
                    i += 2
                else:
                    new.append(word[i])
                    i += 1
            word = new
        out += word
    return torch.tensor(out, dtype=torch.int64)
