"""The number of noise tokens has no upper end, so a short text can be masked whole."""

import itertools

import torch


def span_mask(length, *, density=0.15, mean_span=3.0, seed):
    g = torch.Generator().manual_seed(seed)
    noise = max(round(length * density), 1)
    spans = max(round(noise / mean_span), 1)

    def parts(n, k):
        if k >= n:
            return [1] * n + [0] * (k - n)
        cuts = torch.sort(torch.randperm(n - 1, generator=g)[: k - 1]).values + 1
        edges = [0, *cuts.tolist(), n]
        return [b - a for a, b in itertools.pairwise(edges)]

    out = []
    for keep, hide in zip(parts(length - noise, spans), parts(noise, spans), strict=True):
        out += [False] * keep + [True] * hide
    return torch.tensor((out + [False] * length)[:length], dtype=torch.bool)
