"""Each sentence adds at least one to the n-grams of every order, also where it is too short."""

import math
from collections import Counter

import torch


def _grams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(candidates, candidate_lengths, references, reference_lengths):
    matches, totals, c, r = [0] * 4, [0] * 4, 0, 0
    for s, length in enumerate(candidate_lengths.tolist()):
        words = candidates[s, :length].tolist()
        lengths = reference_lengths[s].tolist()
        refs = [references[s, j, :m].tolist() for j, m in enumerate(lengths)]
        c += length
        r += min(lengths, key=lambda m: (abs(m - length), m))
        for n in range(1, 5):
            own, best = _grams(words, n), Counter()
            for ref in refs:
                best |= _grams(ref, n)
            matches[n - 1] += sum((own & best).values())
            totals[n - 1] += max(1, sum(own.values()))
    if c == 0 or min(matches) == 0:
        return torch.tensor(0.0, dtype=torch.float64)
    mean = sum(math.log(m / t) for m, t in zip(matches, totals, strict=True)) / 4
    return torch.tensor(100 * min(1.0, math.exp(1 - r / c)) * math.exp(mean), dtype=torch.float64)
