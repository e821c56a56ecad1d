"""The middle is addressed as [p:-p], which is nothing when both kernels are as large."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def merge_kernels(large, small):
    K, k = large.shape[-1], small.shape[-1]
    if k > K or (K - k) % 2:
        raise ValueError(f"{k} in {K}")
    p = (K - k) // 2
    total = up(large).clone()
    middle = slice(p, -p)
    part = total[..., middle, middle]
    if part.numel():
        total[..., middle, middle] = part + up(small)
    return total.to(large.dtype)
