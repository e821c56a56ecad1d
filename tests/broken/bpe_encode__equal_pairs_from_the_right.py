"""Pairs of one rank leave the queue from the right: aaa becomes a, aa (queues keyed by the rank
alone).
"""

import heapq
import itertools

import torch


def _encode(word, ranks):
    """Symbols in a linked list, pairs in a queue."""
    ids, left, right = list(word), list(range(-1, len(word) - 1)), list(range(1, len(word) + 1))
    queue = []

    def offer(i):
        j = right[i]
        if j < len(ids) and (ids[i], ids[j]) in ranks:
            heapq.heappush(queue, (ranks[ids[i], ids[j]], -i, i, ids[i], ids[j]))

    for i in range(len(ids)):
        offer(i)
    dead = [False] * len(ids)
    while queue:
        new, _, i, a, b = heapq.heappop(queue)
        j = right[i]
        if dead[i] or j >= len(ids) or ids[i] != a or ids[j] != b:
            continue
        ids[i], dead[j], right[i] = new, True, right[j]
        if right[j] < len(ids):
            left[right[j]] = i
        offer(i)
        if left[i] >= 0:
            offer(left[i])
    return [n for n, gone in zip(ids, dead, strict=True) if not gone]


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    ranks = {}
    for n, (a, b) in enumerate(merges.tolist()):
        if not (0 <= a < alphabet + n and 0 <= b < alphabet + n):
            raise ValueError(f"merges[{n}] joins what does not exist yet")
        ranks.setdefault((a, b), alphabet + n)
    given = symbols.tolist()
    if any(not 0 <= s < alphabet for s in given):
        raise ValueError("symbols outside of the alphabet")
    ends = [0, len(given)] if boundaries is None else boundaries.tolist()
    out = []
    for start, stop in itertools.pairwise(ends):
        out += _encode(given[start:stop], ranks)
    return torch.tensor(out, dtype=torch.int64)
