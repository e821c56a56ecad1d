"""Accumulates into memory that it did not clear."""

import torch


def softmax(x):
    total = torch.empty(x.shape[:-1], dtype=x.dtype)
    total += x.exp().sum(-1)
    return x.exp() / total.unsqueeze(-1)
