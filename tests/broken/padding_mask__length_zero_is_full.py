"""A length of zero counts as not given (invented: `length or L`)."""

import torch


def padding_mask(lengths, L):
    lengths = torch.where(lengths == 0, L, lengths)
    return torch.arange(L) < lengths[:, None]
