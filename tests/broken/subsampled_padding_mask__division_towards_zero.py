"""The division cuts towards zero, so that a sequence shorter than the kernel keeps a frame."""

import torch


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    if min(L, layers, kernel, stride) < 1:
        raise ValueError("sizes must be positive")
    if bool((lengths < 0).any()) or bool((lengths > L).any()):
        raise ValueError("lengths outside of 0..L")
    n, total = lengths, L
    for _ in range(layers):
        n = torch.div(n - kernel, stride, rounding_mode="trunc") + 1
        if total < kernel:
            raise ValueError("nothing left")
        total = (total - kernel) // stride + 1
    return torch.arange(total)[None, :] < n[:, None]
