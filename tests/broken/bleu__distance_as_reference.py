"""The least distance of lengths is taken for a length."""

import math
from collections import Counter

import torch


def grams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(candidates, candidate_lengths, references, reference_lengths):
    hits, total = [0] * 4, [0] * 4
    c = r = 0
    for s, size in enumerate(candidate_lengths.tolist()):
        words = candidates[s, :size].tolist()
        others = [
            references[s, j, :n].tolist() for j, n in enumerate(reference_lengths[s].tolist())
        ]
        best = min((len(o) for o in others), key=lambda n: (abs(n - len(words)), n))
        best = min(abs(len(o) - len(words)) for o in others)
        c, r = c + len(words), r + best
        for n in range(1, 5):
            own, seen = grams(words, n), Counter()
            for o in others:
                seen |= grams(o, n)
            hits[n - 1] += sum((own & seen).values())
            total[n - 1] += sum(own.values())
    if min(hits) == 0:
        return torch.zeros((), dtype=torch.float64)
    mean = sum(math.log(a / b) for a, b in zip(hits, total, strict=True)) / 4
    penalty = min(0.0, 1 - r / c)
    return torch.tensor(100 * math.exp(penalty + mean), dtype=torch.float64)
