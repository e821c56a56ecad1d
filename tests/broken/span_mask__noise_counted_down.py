"""The number of noise tokens is cut off instead of rounded."""

import itertools

import torch


def span_mask(length, *, density=0.15, mean_span=3.0, seed):
    noise = min(max(int(length * density), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), noise, length - noise)
    source = torch.Generator().manual_seed(seed)

    def parts(total):
        cut = sorted((torch.randperm(total - 1, generator=source)[: spans - 1] + 1).tolist())
        edge = [0, *cut, total]
        return [b - a for a, b in itertools.pairwise(edge)]

    out = []
    for kept, lost in zip(parts(length - noise), parts(noise), strict=True):
        out += [False] * kept + [True] * lost
    return torch.tensor(out)
