"""The number of spans is not bounded by the kept tokens, so that some spans have none before
them and are lost.
"""

import itertools

import torch


def span_mask(length, *, density=0.15, mean_span=3.0, seed):
    if length < 2 or not 0 < density < 1 or mean_span < 1:
        raise ValueError("size")
    noise = min(max(round(length * density), 1), length - 1)
    spans = max(round(noise / mean_span), 1)
    spans = min(spans, noise)
    g = torch.Generator().manual_seed(seed)

    def pieces(total):
        cuts = sorted((torch.randperm(max(total - 1, 0), generator=g)[: spans - 1] + 1).tolist())
        bounds = [0, *cuts, total]
        return [b - a for a, b in itertools.pairwise(bounds)]

    out = []
    for a, b in zip(pieces(length - noise), pieces(noise), strict=False):
        out += [False] * a + [True] * b
    out += [False] * (length - len(out))
    return torch.tensor(out)
