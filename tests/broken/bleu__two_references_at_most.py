"""Of many references the first two are read."""

import math
from collections import Counter

import torch


def grams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(candidates, candidate_lengths, references, reference_lengths):
    matched, possible, ours, theirs = [0] * 4, [0] * 4, 0, 0
    for s, length in enumerate(candidate_lengths.tolist()):
        own = candidates[s, :length].tolist()
        sizes = reference_lengths[s].tolist()[:2]
        ours += length
        theirs += min(sizes, key=lambda size: (abs(size - length), size))
        for n in range(1, 5):
            best = Counter()
            for r, size in enumerate(sizes):
                best |= grams(references[s, r, :size].tolist(), n)
            mine = grams(own, n)
            matched[n - 1] += (mine & best).total()
            possible[n - 1] += mine.total()
    if min(matched) == 0:
        return torch.tensor(0.0, dtype=torch.float64)
    mean = sum(math.log(m / p) for m, p in zip(matched, possible, strict=True)) / 4
    return torch.tensor(100 * math.exp(mean + min(0.0, 1 - theirs / ours)), dtype=torch.float64)
