"""Pairs wait in a queue by rank, and one whose parts have changed since is joined all the same
where the sum of lengths still fits.
"""

import heapq
import itertools

import torch


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks = {}
    for i, (a, b) in enumerate(merges.tolist()):
        ranks.setdefault((a, b), i)
    ids = symbols.tolist()
    ends = boundaries.tolist() if boundaries is not None else [0, len(ids)]
    out = []
    for low, high in itertools.pairwise(ends):
        word = ids[low:high]
        alive = [True] * len(word)
        queue = [(ranks[p], i) for i, p in enumerate(itertools.pairwise(word)) if p in ranks]
        heapq.heapify(queue)
        while queue:
            rank, i = heapq.heappop(queue)
            if not alive[i]:
                continue
            j = next((j for j in range(i + 1, len(word)) if alive[j]), None)
            if j is None:
                continue
            word[i] = alphabet + rank
            alive[j] = False
            before = next((j for j in range(i - 1, -1, -1) if alive[j]), None)
            after = next((j for j in range(i + 1, len(word)) if alive[j]), None)
            if before is not None and (word[before], word[i]) in ranks:
                heapq.heappush(queue, (ranks[word[before], word[i]], before))
            if after is not None and (word[i], word[after]) in ranks:
                heapq.heappush(queue, (ranks[word[i], word[after]], i))
        out += [w for w, a in zip(word, alive, strict=False) if a]
    return torch.tensor(out, dtype=torch.int64)
