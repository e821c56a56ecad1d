"""The mask is as wide as the longest sequence."""

import torch


def padding_mask(lengths, L):
    return torch.arange(int(lengths.max())) < lengths[:, None]
