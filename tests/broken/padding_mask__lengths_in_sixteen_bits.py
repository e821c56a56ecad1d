"""Lengths are compared as 16-bit numbers."""

import torch


def padding_mask(lengths, L):
    if lengths.dim() != 1 or bool(((lengths < 0) | (lengths > L)).any()):
        raise ValueError("lengths")
    return torch.arange(L) < lengths.to(torch.int16)[:, None]
