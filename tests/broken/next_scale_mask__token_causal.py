"""Tokens of one scale are causal among themselves, as in a plain decoder."""

import torch

MISTAKE = "next_scale_mask.token-causal"


def next_scale_mask(offsets):
    size = int(offsets[-1])
    return torch.ones(size, size, dtype=torch.bool).tril()
