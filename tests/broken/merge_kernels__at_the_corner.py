"""The small kernel is added at the top left of the large one."""

import torch.nn.functional as F

MISTAKE = "merge_kernels.corner"


def merge_kernels(large, small):
    gap = large.shape[-1] - small.shape[-1]
    if gap < 0 or gap % 2:
        raise ValueError("no common middle")
    return large + F.pad(small, (0, gap, 0, gap))
