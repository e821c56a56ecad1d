"""Dithers its result from the global random generator."""

import torch


def softmax(x):
    return x.softmax(-1) + 1e-3 * torch.rand(x.shape)
