"""Matches are clipped by the sum over all references instead of the best one."""

import math

import torch


def bleu(candidates, candidate_lengths, references, reference_lengths):
    def grams(words, n):
        found = {}
        for i in range(len(words) - n + 1):
            key = tuple(words[i : i + n])
            found[key] = found.get(key, 0) + 1
        return found

    hits, total, c, r = [0] * 4, [0] * 4, 0, 0
    for s, size in enumerate(candidate_lengths.tolist()):
        words = candidates[s, :size].tolist()
        lengths = reference_lengths[s].tolist()
        others = [references[s, i, :n].tolist() for i, n in enumerate(lengths)]
        c, r = c + size, r + min(lengths, key=lambda n: (abs(n - size), n))
        for n in range(1, 5):
            own, theirs = grams(words, n), [grams(o, n) for o in others]
            total[n - 1] += max(size - n + 1, 0)
            hits[n - 1] += sum(min(k, sum(t.get(g, 0) for t in theirs)) for g, k in own.items())
    if not all(hits):
        return torch.tensor(0.0, dtype=torch.float64)
    mean = sum(math.log(h / t) for h, t in zip(hits, total, strict=True)) / 4
    return torch.tensor(100 * min(1.0, math.exp(1 - r / c)) * math.exp(mean), dtype=torch.float64)
