"""Spans are shuffled with the global generator of numpy, seeded for the purpose."""

import numpy as np
import torch


def span_mask(length, *, density=0.15, mean_span=3.0, seed):
    if length < 2 or not 0 < density < 1:
        raise ValueError("length or density")
    np.random.seed(seed)
    noise = min(max(round(length * density), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), noise, length - noise)

    def pieces(total):
        first = np.arange(total - 1) < spans - 1
        np.random.shuffle(first)
        ids = np.cumsum(np.pad(first, (1, 0)))
        return np.bincount(ids, minlength=spans)

    both = np.stack([pieces(length - noise), pieces(noise)], 1).reshape(-1)
    return torch.from_numpy(np.repeat(np.arange(2 * spans) % 2 == 1, both))
