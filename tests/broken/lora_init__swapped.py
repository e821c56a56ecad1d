"""A is zero and B is drawn."""

import torch

MISTAKE = "lora_init.swapped"


def lora_init(out, in_, rank, *, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.zeros(rank, in_), torch.randn(out, rank, generator=g) / rank
