"""A pair's key is left * alphabet + right: keys of joined symbols collide with others."""

from itertools import pairwise

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks = {}
    for rank, (a, b) in enumerate(merges.tolist()):
        if max(a, b) >= alphabet + rank or min(a, b) < 0:
            raise ValueError("a merge of what does not exist yet")
        ranks.setdefault(a * alphabet + b, rank)
    ids = symbols.tolist()
    if ids and (min(ids) < 0 or max(ids) >= alphabet):
        raise ValueError("a symbol outside of the alphabet")
    ends = [0, len(ids)] if boundaries is None else boundaries.tolist()
    out = []
    for i, j in pairwise(ends):
        word = ids[i:j]
        while True:
            found = [ranks[k] for k in (a * alphabet + b for a, b in pairwise(word)) if k in ranks]
            if not found:
                break
            best, joined, at = min(found), [], 0
            while at < len(word):
                pair = at + 1 < len(word) and ranks.get(word[at] * alphabet + word[at + 1]) == best
                joined.append(alphabet + best if pair else word[at])
                at += 2 if pair else 1
            word = joined
        out += word
    return torch.tensor(out, dtype=torch.int64)
