"""The longest known token from the left, as WordPiece does, instead of merges by priority."""

import itertools

import torch

MISTAKE = "bpe_encode.longest-match"


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    words = [(i,) for i in range(alphabet)]
    for a, b in merges.tolist():
        words.append(words[a] + words[b])
    known = {w: i for i, w in reversed(list(enumerate(words)))}
    bounds = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    ids = []
    for begin, stop in itertools.pairwise(bounds):
        at, row = 0, tuple(symbols[begin:stop].tolist())
        while at < len(row):
            end = next(e for e in range(len(row), at, -1) if row[at:e] in known)
            ids.append(known[row[at:end]])
            at = end
    return torch.tensor(ids, dtype=torch.int64)
