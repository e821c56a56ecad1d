"""Ids are kept in eight bits while pairs are merged."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    rank = {}
    for r, pair in enumerate(merges.tolist()):
        rank.setdefault(tuple(pair), r)
    bounds = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    out = []
    for a, b in itertools.pairwise(bounds):
        word = symbols[a:b].tolist()
        while True:
            best = min((rank[p] for p in itertools.pairwise(word) if p in rank), default=None)
            if best is None:
                break
            new, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and rank.get((word[i], word[i + 1])) == best:
                    new.append((alphabet + best) % 256)
                    i += 2
                else:
                    new.append(word[i])
                    i += 1
            word = new
        out += word
    return torch.tensor(out, dtype=torch.int64)
