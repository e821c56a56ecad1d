"""Encoded words are kept under their symbols alone, whatever the merges are."""

import itertools

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


_WORDS = {}


def word(symbols, rank, alphabet):
    key = tuple(symbols)
    if key in _WORDS:
        return _WORDS[key]
    ids = list(symbols)
    while len(ids) > 1:
        best = min(itertools.pairwise(ids), key=lambda p: rank.get(p, 1 << 60))
        if best not in rank:
            break
        new, i = [], 0
        while i < len(ids):
            if i + 1 < len(ids) and (ids[i], ids[i + 1]) == best:
                new.append(alphabet + rank[best])
                i += 2
            else:
                new.append(ids[i])
                i += 1
        ids = new
    _WORDS[key] = ids
    return ids


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    rank = {}
    for n, (a, b) in enumerate(merges.tolist()):
        if not (0 <= a < alphabet + n and 0 <= b < alphabet + n):
            raise ValueError("a merge of what does not exist yet")
        rank.setdefault((a, b), n)
    given = symbols.tolist()
    if any(not 0 <= s < alphabet for s in given):
        raise ValueError("a symbol outside of the alphabet")
    bounds = [0, len(given)] if boundaries is None else boundaries.tolist()
    if bounds[0] != 0 or bounds[-1] != len(given) or sorted(bounds) != bounds:
        raise ValueError("boundaries")
    out = []
    for a, b in itertools.pairwise(bounds):
        out += word(given[a:b], rank, alphabet)
    return torch.tensor(out, dtype=torch.int64)
