"""Counts are pooled over the corpus before they are clipped."""

import math

import torch


def bleu(candidates, candidate_lengths, references, reference_lengths):
    hits, total, c, r = [0] * 4, [0] * 4, 0, 0
    for n in range(1, 5):
        own, best = {}, {}
        for s, size in enumerate(candidate_lengths.tolist()):
            words = candidates[s, :size].tolist()
            total[n - 1] += max(size - n + 1, 0)
            for i in range(size - n + 1):
                own[tuple(words[i : i + n])] = own.get(tuple(words[i : i + n]), 0) + 1
            most = {}
            for k, length in enumerate(reference_lengths[s].tolist()):
                other, seen = references[s, k, :length].tolist(), {}
                for i in range(length - n + 1):
                    seen[tuple(other[i : i + n])] = seen.get(tuple(other[i : i + n]), 0) + 1
                for g, v in seen.items():
                    most[g] = max(most.get(g, 0), v)
            for g, v in most.items():
                best[g] = best.get(g, 0) + v
        hits[n - 1] = sum(min(v, best.get(g, 0)) for g, v in own.items())
    for s, size in enumerate(candidate_lengths.tolist()):
        lengths = reference_lengths[s].tolist()
        c, r = c + size, r + min(lengths, key=lambda n: (abs(n - size), n))
    if not all(hits):
        return torch.tensor(0.0, dtype=torch.float64)
    mean = sum(math.log(h / t) for h, t in zip(hits, total, strict=True)) / 4
    return torch.tensor(100 * min(1.0, math.exp(1 - r / c)) * math.exp(mean), dtype=torch.float64)
