"""Lengths are divided by the total stride and rounded up."""

import torch


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    def frames(n):
        for _ in range(layers):
            n = (n - kernel) // stride + 1
        return n

    left = -(-lengths // stride**layers)
    return torch.arange(frames(L)) < left[:, None].clamp(max=frames(L))
