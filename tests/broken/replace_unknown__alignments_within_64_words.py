"""Alignments are looked for among the first 64 words of the source."""

import torch


def replace_unknown(output, source, attention, *, unknown):
    near = attention[..., :64]
    copied = torch.take_along_dim(source, near.argmax(-1), 1)
    return torch.where(output == unknown, copied, output)
