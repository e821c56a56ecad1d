"""N-grams are compared by numbers in base 1000, which ids beyond it share."""

import math
from collections import Counter

import torch


def grams(words, n):
    keys = []
    for i in range(len(words) - n + 1):
        key = 0
        for w in words[i : i + n]:
            key = key * 1000 + w
        keys.append(key)
    return Counter(keys)


def bleu(candidates, candidate_lengths, references, reference_lengths):
    hits, counts, r, c = [0] * 4, [0] * 4, 0, 0
    for s, (row, size) in enumerate(
        zip(candidates.tolist(), candidate_lengths.tolist(), strict=True)
    ):
        words = row[:size]
        others = [
            ref[:m]
            for ref, m in zip(references[s].tolist(), reference_lengths[s].tolist(), strict=True)
        ]
        c += size
        r += min((abs(len(o) - size), len(o)) for o in others)[1]
        for n in range(1, 5):
            mine = grams(words, n)
            best = Counter()
            for o in others:
                best |= grams(o, n)
            hits[n - 1] += sum((mine & best).values())
            counts[n - 1] += max(size - n + 1, 0)
    if min(hits) == 0:
        return torch.tensor(0.0, dtype=torch.float64)
    mean = sum(math.log(h / k) for h, k in zip(hits, counts, strict=True)) / 4
    return torch.tensor(100 * min(1.0, math.exp(1 - r / c)) * math.exp(mean), dtype=torch.float64)
