"""A word that the vocabulary holds is taken as one token, even where the merges lead elsewhere."""

import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks, spelled = {}, {}
    for rank, pair in enumerate(merges.tolist()):
        ranks.setdefault(tuple(pair), rank)
        parts = [spelled.get(p, (p,)) for p in pair]
        spelled[alphabet + rank] = parts[0] + parts[1]
    whole = {}
    for i, text in spelled.items():
        whole.setdefault(text, i)
    edges = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    out = []
    for a, b in itertools.pairwise(edges):
        word = symbols[a:b].tolist()
        if boundaries is not None and tuple(word) in whole:
            out.append(whole[tuple(word)])
            continue
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
        out += word
    return torch.tensor(out, dtype=torch.int64)
